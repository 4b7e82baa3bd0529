"""The store of one tenant as callers see it: topics to ask, and bookings to change it.

A topic is one module: its questions are a class of the store, its changes another that only a
booking has. To add one: a migration for each dialect, `Questions` and `Changes` in a module of its
own, and a line in `Repository` and in `Booking`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from store.activity import Activity
from store.audit_log import AuditLog
from store.audit_trail import AuditTrail
from store.bank_files import BankFileChanges, BankFiles
from store.cases import CaseChanges, Cases
from store.clearing import StoredClearing
from store.customer_figures import CustomerFigures
from store.customer_names import CustomerNames
from store.customers import CustomerChanges, Customers
from store.data_keys import DataKeyStore
from store.decision_outcomes import DecisionOutcomes
from store.decisions import DecisionChanges, Decisions
from store.events import EventLog
from store.file_contents import FileContents
from store.file_lists import FileLists
from store.halts import PostingHalts
from store.identities import FileIdentities
from store.late_remittances import LateRemittances
from store.ledger_history import LedgerHistory
from store.mentions import MentionChanges, Mentions
from store.migrations import apply_migrations, read_migrations
from store.open_items import OpenItemChanges, OpenItems
from store.personal_data import PersonalData
from store.preferences import PersonPreferences, PreferenceChanges
from store.proofs import ClearingProofs
from store.reproposals import Reproposals
from store.requests import RequestLog
from store.runs import RunLog
from store.sessions import SessionChanges, Sessions
from store.settled import SettledPayments
from store.taught_facts import TaughtFactChanges, TaughtFacts
from store.team import Team, TeamChanges
from store.users import UserChanges, Users
from store.views import ViewChanges, Views
from store.webhooks import WebhookChanges, Webhooks
from store.work_figures import WorkFigures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from store.database import Database
    from store.key_ring import KeyRing

__all__ = ["Booking", "Repository"]


class Booking:
    """The open write transaction of a tenant: every topic's changes, committed as one.

    Here topics meet. What one effect needs (rows, open amounts, the answer to the request, the
    audit leaf, the event) is written through the same booking and appears at once, or not at all.
    """

    def __init__(self, store: Repository) -> None:
        """The changes of `store`, within its write block."""
        database = store.database
        self.database = database
        self._number = 0
        self.decisions = DecisionChanges(database, self.number)
        self.keys = store.keys
        self.personal = store.personal
        self.requests = store.requests
        self.events = store.events
        self.audit = AuditLog(database, self.decisions.written)
        self.identities = store.identities
        self.contents = store.contents
        self.proofs = store.proofs
        self.halts = store.halts
        self.settled = store.settled
        self.runs = store.runs
        self.late = store.late
        self.reproposals = store.reproposals
        self.bank_files = BankFileChanges(database, store.personal, self.decisions)
        self.open_items = OpenItemChanges(database, self.number)
        self.customers = CustomerChanges(database, store.personal, store.names, self.number)
        self.cases = CaseChanges(database, store.personal, store.names, self.number)
        self.facts = TaughtFactChanges(database, store.personal)
        self.users = UserChanges(database)
        self.sessions = SessionChanges(database)
        self.views = ViewChanges(database)
        self.mentions = MentionChanges(database)
        self.preferences = PreferenceChanges(database)
        self.team = TeamChanges(database)
        self.webhooks = WebhookChanges(database, store.keys)

    def number(self) -> int:
        """The number of this booking, from the first time it is asked for.

        Numbers grow in the order of the commits: who read up to one continues after it.
        """
        if not self._number:
            ((self._number,),) = self.database.rows(
                "INSERT INTO booking DEFAULT VALUES RETURNING number"
            )
        return self._number


class Repository:
    """A tenant's store over one connection, used by one thread at a time.

    Readers see what was committed; there is one booking at a time per tenant.
    """

    def __init__(self, database: Database, ring: KeyRing | None = None) -> None:
        """Keep everything in `database`, made current, sealed by `ring` where there is one.

        Raises `MigrationError`, or `KeyMissingError` where `ring` does not open what is sealed.
        """
        self.database = database
        apply_migrations(database, read_migrations(database.dialect))
        self.open_items = OpenItems(database)
        self.decisions = Decisions(database)
        self.keys = DataKeyStore(database, ring)
        self.keys.check()
        self.personal = PersonalData(self.keys)
        self.names = CustomerNames(self.personal)
        self.customers = Customers(database, self.personal, self.names)
        self.requests = RequestLog(database, self.personal)
        self.events = EventLog(database)
        self.audit = AuditLog(database)
        self.identities = FileIdentities(database)
        self.contents = FileContents(database, self.keys)
        self.proofs = ClearingProofs(database)
        self.halts = PostingHalts(database)
        self.settled = SettledPayments(database)
        self.runs = RunLog(database, self.personal)
        self.late = LateRemittances(database, self.personal)
        self.reproposals = Reproposals(database, self.personal)
        self.clearing = StoredClearing(database)
        self.activity = Activity(database)
        self.bank_files = BankFiles(database, self.personal)
        self.file_lists = FileLists(database, self.personal)
        self.cases = Cases(database, self.personal, self.names)
        self.facts = TaughtFacts(database, self.personal)
        self.users = Users(database)
        self.sessions = Sessions(database)
        self.views = Views(database)
        self.mentions = Mentions(database)
        self.preferences = PersonPreferences(database)
        self.team = Team(database)
        self.audit_trail = AuditTrail(database)
        self.customer_figures = CustomerFigures(database)
        self.work_figures = WorkFigures(database)
        self.ledger_history = LedgerHistory(database)
        self.outcomes = DecisionOutcomes(database, self.personal)
        self.webhooks = Webhooks(database, self.keys)

    @contextmanager
    def booking(self) -> Iterator[Booking]:
        """Begin a booking: committed at the end of the block, undone by an error.

        Raises `StoreBusyError` where the one before does not end in time.
        """
        with self.database.writing():
            yield Booking(self)

    def reading(self) -> AbstractContextManager[None]:
        """A block whose questions are all answered from one state of the store."""
        return self.database.reading()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()
