"""A slow and obvious reader of NACHA files: one dictionary per entry, no totals."""

from __future__ import annotations

import re


def entries(content):
    """Code, cents, class, joined text and other addenda of each entry."""
    found, kind = [], ""
    for raw in content.split(b"\n"):
        try:
            line = raw.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError:
            line = raw.decode("latin-1").rstrip("\r")
        line = line.ljust(94)
        if line[0] == "5":
            kind = line[50:53]
        elif line[0] == "6":
            found.append(
                {
                    "code": line[1:3],
                    "cents": int(line[29:39]),
                    "class": kind,
                    "text": "",
                    "other": [],
                }
            )
        elif line[:3] == "705":
            found[-1]["text"] += line[3:83]
        elif line[0] == "7":
            found[-1]["other"].append(line)
    return found


def amounts(content):
    """Cents of every credit, negative where it was returned."""
    found = []
    for one in entries(content):
        returned = any(line[1:3] == "99" for line in one["other"]) or one["code"][1] in "16"
        if one["class"] == "COR" or not one["cents"]:
            continue
        if returned:
            found.append(-one["cents"])
        elif one["code"][1] == "2":
            found.append(one["cents"])
    return found


def references(text):
    """RMR02 of the segments in a text of addenda."""
    return [piece.strip() for piece in re.findall(r"RMR[*¦|][^*¦|]*[*¦|]([^*¦|~\\]*)", text)]
