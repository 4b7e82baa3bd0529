"""A writer that is killed: it books set after set, and says so after each commit."""

from __future__ import annotations

import os
import random
import signal
import time

from store import open_repository
from store.decision_records import CashMove
from store.errors import StoreError
from tests.server.forked_server import preloaded
from tests.store.item_rows import items_of
from tests.store.kept_postings import keep_cash, keep_items, person, postings, robot

__all__ = ["PAYMENTS", "SET_ROWS", "fill", "write_until_killed"]

PAYMENTS = 12
ITEMS = 8
SET_ROWS = 3

_CONTEXT = preloaded()


def fill(url):
    """A store with cash that waits and items to put it on."""
    repository = open_repository(url)
    keep_cash(repository, payments=PAYMENTS, amount=1_000_000)
    keep_items(repository, **{f"I{number}": 1_000_000 for number in range(ITEMS)})
    repository.close()


def write_until_killed(url, seed, seconds):
    """Subjects of the sets a writer said were booked, until it was killed after `seconds`."""
    mine, theirs = _CONTEXT.Pipe(duplex=False)
    writer = _CONTEXT.Process(target=_write, args=(url, seed, theirs))
    writer.start()
    theirs.close()
    said = [mine.recv()]
    time.sleep(seconds)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    while True:
        try:
            said.append(mine.recv())
        except EOFError:
            break
    mine.close()
    return said


def _write(url, seed, said):
    random_choice = random.Random(seed)  # noqa: S311 - a seeded test
    repository = open_repository(url)
    # The first booking of a process loads what the others find loaded.
    _book(repository, f"set-{seed}-0", random_choice)
    said.send(f"set-{seed}-0")
    step = 0
    while True:
        step += 1
        subject = f"set-{seed}-{step}"
        try:
            _book(repository, subject, random_choice)
        except StoreError:
            return
        said.send(subject)


def _book(repository, subject, choice):
    """One effect of several topics: applications, a reversal of one, cash moved, an export."""
    payment = f"monday-{choice.randrange(PAYMENTS)}"
    items = choice.sample(range(ITEMS), SET_ROWS)
    with repository.booking() as booking:
        done = booking.decisions.post(
            postings(*((payment, f"I{number}", 5) for number in items)), person(subject=subject)
        )
        if choice.random() < 0.4:
            undone = robot(subject=f"undo-{subject}", is_human=True)
            booking.decisions.reverse([done.first_number], undone)
        if choice.random() < 0.3:
            cash = CashMove(
                payment_id=payment, from_bucket="unapplied", to_bucket="refund", amount_minor=1
            )
            booking.decisions.move_cash([cash], person(subject=subject))
        if choice.random() < 0.3:
            number = choice.randrange(ITEMS)
            amount = 1_000_000 - choice.randrange(50)
            booking.open_items.upsert(items_of("K", {f"I{number}": amount}))
