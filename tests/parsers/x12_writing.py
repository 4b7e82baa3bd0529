"""Writes EDI 820 and 823 interchanges with right counts and numbers."""

from __future__ import annotations

BPR = (
    "BPR*C*{amount}*C*ACH*CTX*01*121000248*DA*4402207781*1234567890**01*021000021*DA*7788990011"
    "*20260911"
)


def order(*details, amount="100.00", trace="TRACE1", payer="ACME CORP", bpr=BPR, before=()):
    """Segments of an 820 without ST and SE."""
    return [
        bpr.format(amount=amount),
        f"TRN*1*{trace}*1234567890",
        *before,
        f"N1*PR*{payer}",
        "N1*PE*NORTHWIND",
        "ENT*1",
        *details,
    ]


def transaction(segments, number=1, form="820"):
    """A transaction set around segments."""
    return [f"ST*{form}*{number:04d}", *segments, f"SE*{len(segments) + 2}*{number:04d}"]


def interchange(*sets, number=1, usage="P", version="004010", group="RA"):
    """An interchange with one group of transaction sets."""
    return [
        "ISA*00*          *00*          *ZZ*ACMECORP       *ZZ*NORTHWIND      *260911*0615*U*00401"
        f"*{number:09d}*0*{usage}*>",
        f"GS*{group}*ACMECORP*NORTHWIND*20260911*0615*{number}*X*{version}",
        *[segment for one in sets for segment in one],
        f"GE*{len(sets)}*{number}",
        f"IEA*1*{number:09d}",
    ]


def text(segments, *, element="*", end="~", after="\n", encoding="utf-8"):
    """The bytes of segments, with separators of one's own."""
    joined = "".join(f"{segment.replace('*', element)}{end}{after}" for segment in segments)
    return joined.encode(encoding)


def simple(*details, **options):
    """The bytes of a file of one order."""
    return text(interchange(transaction(order(*details, **options))))
