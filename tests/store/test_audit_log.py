"""The audit names the first row that is not as it was written, and needs no server to do so."""

import contextlib

import apsw
import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import open_repository
from store.audit_chain import AuditBlock, inclusion_proof, merkle_root, proven_root, seal_block
from store.audit_keys import create_audit_key, read_signer, read_verifier
from store.audit_leaves import RowSelection, leaf_hash
from store.audit_log import StoredAudit
from store.audit_verification import verify_audit
from store.audited_tables import AUDITED_TABLES, FILE_TABLES
from store.errors import KeyFileError
from tests.store.stored_files import file_id_of, file_result

NOW = 1_774_915_200_000


@pytest.fixture
def signer(tmp_path):
    return create_audit_key(tmp_path / "audit.key", tmp_path / "audit.pub")


@pytest.fixture
def verifier(signer, tmp_path):
    found = read_verifier(tmp_path / "audit.pub")
    assert found.key_id == signer.key_id
    return found


@pytest.fixture
def repository(store_url, signer):
    """Three files of three payments; the first two sealed in a block each."""
    opened = open_repository(store_url)
    for number, name in enumerate(("monday", "tuesday", "wednesday")):
        keep(opened, name)
        if number < 2:
            assert opened.audit.seal(NOW + number, signer).block_number == number + 1
    yield opened
    opened.close()


def keep(repository, name):
    file_id = file_id_of(name)
    with repository.booking() as booking:
        booking.bank_files.keep(file_result(name, payments=3))
        selections = [RowSelection(table.name, "file_id", file_id) for table in FILE_TABLES]
        booking.audit.record(
            "bank_file", file_id, actor="robot", recorded_at_ms=NOW, selections=selections
        )


def tamper(store_url, *statements):
    """Change rows as somebody with all rights over the database can."""
    if store_url.startswith("sqlite"):
        with contextlib.closing(apsw.Connection(store_url.removeprefix("sqlite:///"))) as database:
            rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in rows.fetchall():
                database.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                database.execute(statement)
        return
    with psycopg.connect(store_url.replace("//tieout@", "//admin@"), autocommit=True) as database:
        database.execute("SET session_replication_role = replica")
        database.execute("SET search_path = tieout_default")
        for statement in statements:
            database.execute(statement)


def verify(repository, verifier=None, head=None):
    return verify_audit(StoredAudit(repository.database), verifier, head)


def first(repository, verifier=None, head=None):
    return verify(repository, verifier, head).findings[0]


def test_what_nobody_touched_is_sound(repository, verifier):
    report = verify(repository, verifier, repository.audit.head())
    assert report.findings == ()
    assert (report.block_count, report.signed_block_count) == (2, 2)
    assert (report.leaf_count, report.unsealed_leaf_count) == (3, 1)
    of_payments, of_file = 5 * 3, 1 + 2 + 1 + 1 + 1
    assert report.row_count == 3 * (of_payments + of_file)
    assert repository.audit.unsealed_count() == 1


def test_every_column_of_every_table_of_a_file_is_under_audit(repository):
    for table in AUDITED_TABLES.values():
        query = f"SELECT * FROM {table.name} LIMIT 0"
        database = repository.database
        if database.dialect == "sqlite":
            query = f"SELECT name FROM pragma_table_info('{table.name}')"
        else:
            query = (
                "SELECT column_name FROM information_schema.columns "
                f"WHERE table_schema = 'tieout_default' AND table_name = '{table.name}'"
            )
        columns = {row[0] for row in database.rows(query)}
        found_by = {"row_number", table.column}
        assert columns - found_by == set(table.columns) - found_by


def test_a_changed_row_is_named(repository, store_url):
    tamper(store_url, "UPDATE application SET applied_minor = 9999 WHERE payment_id = 'tuesday-1'")
    found = first(repository)
    assert (found.kind, found.table, found.row) == ("row_changed", "application", 2)
    assert (found.block, found.leaf, found.subject) == (2, 2, file_id_of("tuesday"))
    assert found.row_values["payment_id"] == "tuesday-1"
    assert found.row_values["applied_minor"] == 9_999


def test_a_changed_row_of_a_leaf_that_is_not_sealed_yet_is_named(repository, store_url):
    tamper(store_url, "UPDATE payment SET payer_name = 'X' WHERE payment_id = 'wednesday-0'")
    found = first(repository)
    assert (found.kind, found.table, found.row, found.block) == ("row_changed", "payment", 1, 0)


def test_a_deleted_row_is_named(repository, store_url):
    tamper(store_url, "DELETE FROM application WHERE payment_id = 'monday-2'")
    found = first(repository)
    assert (found.kind, found.table, found.row) == ("row_deleted", "application", 3)
    assert found.row_values == {}


def test_an_inserted_row_is_named(repository, store_url):
    tamper(
        store_url,
        "INSERT INTO counted_row (file_id, reason, row_count) "
        f"VALUES ('{file_id_of('monday')}', 'forged', 1)",
    )
    found = first(repository)
    assert (found.kind, found.table, found.row) == ("row_inserted", "counted_row", 2)
    assert found.row_values["reason"] == "forged"


def test_rows_of_a_file_nobody_booked_are_named(repository, store_url):
    tamper(
        store_url,
        f"INSERT INTO counted_row (file_id, reason, row_count) VALUES ('{'f' * 64}', 'forged', 1)",
    )
    found = first(repository)
    assert (found.kind, found.table, found.subject) == ("row_without_leaf", "counted_row", "f" * 64)


def test_rows_that_changed_places_are_named(repository, store_url):
    rows = repository.database.rows(
        "SELECT row_number FROM payment WHERE file_id = ? ORDER BY 1", file_id_of("monday")
    )
    numbers = [row[0] for row in rows]
    statements = [
        f"UPDATE payment SET row_number = {to} WHERE row_number = {at}"
        for at, to in ((numbers[0], -1), (numbers[1], numbers[0]), (-1, numbers[1]))
    ]
    if repository.database.dialect == "postgresql":
        statements.insert(0, "ALTER TABLE payment ALTER row_number DROP IDENTITY")
    tamper(store_url, *statements)
    found = first(repository)
    assert (found.kind, found.table, found.row) == ("row_reordered", "payment", 1)


def test_a_changed_leaf_is_named_though_rows_agree_with_it(repository, store_url):
    tamper(store_url, "UPDATE audit_leaf SET body = replace(body, 'robot', 'human')")
    found = first(repository)
    assert (found.kind, found.block, found.leaf) == ("leaf_changed", 1, 1)


def test_changed_digests_are_named(repository, store_url):
    forged = msgspec.msgpack.encode([b"\0" * 32] * len(FILE_TABLES)).hex()
    value = f"x'{forged}'" if store_url.startswith("sqlite") else f"'\\x{forged}'"
    tamper(store_url, f"UPDATE audit_leaf SET digests = {value} WHERE leaf_number = 2")
    found = first(repository)
    assert (found.kind, found.leaf, found.table) == ("digests_changed", 2, "bank_file")


def test_a_deleted_leaf_is_named(repository, store_url):
    tamper(store_url, "DELETE FROM audit_leaf WHERE leaf_number = 1")
    found = first(repository)
    assert (found.kind, found.block, found.leaf) == ("leaf_deleted", 1, 1)


def test_a_deleted_block_is_named(repository, store_url):
    tamper(store_url, "DELETE FROM audit_block WHERE block_number = 1")
    assert first(repository).kind == "block_deleted"


def test_a_chain_cut_at_its_end_differs_from_a_head_kept_elsewhere(repository, store_url):
    head = repository.audit.head()
    tamper(
        store_url,
        "DELETE FROM audit_block WHERE block_number = 2",
        "DELETE FROM audit_leaf WHERE leaf_number >= 2",
    )
    assert {one.kind for one in verify(repository).findings} == {"row_without_leaf"}
    assert first(repository, head=head).kind == "block_deleted"


def test_a_chain_written_anew_differs_in_signature_and_head(repository, store_url, verifier):
    head = repository.audit.head()
    leaves = {leaf.number: leaf for leaf in StoredAudit(repository.database).leaves([1, 2])}
    forged = leaves[1].body.replace(b"robot", b"human")
    one = seal_block(None, [(1, leaf_hash(forged))], NOW, None)
    two = seal_block(one, [(2, leaf_hash(leaves[2].body))], NOW + 1, None)
    encoded = [msgspec.json.encode(block).decode() for block in (one, two)]
    tamper(
        store_url,
        f"UPDATE audit_leaf SET body = '{forged.decode()}' WHERE leaf_number = 1",
        *(
            f"UPDATE audit_block SET body = '{body}' WHERE block_number = {number}"
            for number, body in enumerate(encoded, 1)
        ),
    )
    assert verify(repository).findings == ()
    assert first(repository, head=head).kind == "head_differs"
    assert first(repository, verifier).kind == "signature_missing"


def test_a_signature_of_another_key_is_named(repository, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    create_audit_key(other / "key", other / "pub")
    report = verify(repository, read_verifier(other / "pub"))
    assert [one.kind for one in report.findings] == ["signature_wrong"] * 2


def test_sealing_twice_seals_once(repository, signer):
    assert repository.audit.seal(NOW, signer).block_number == 3
    assert repository.audit.seal(NOW, signer) is None
    assert verify(repository).unsealed_leaf_count == 0


def test_leaves_and_blocks_cannot_be_changed_by_the_server_itself(repository):
    for statement in (
        "UPDATE audit_leaf SET body = body",
        "DELETE FROM audit_leaf",
        "UPDATE audit_block SET body = body",
        "DELETE FROM audit_block",
    ):
        with pytest.raises(Exception, match="append-only"), repository.booking():
            repository.database.rows(statement)


def test_keys_are_read_from_files_their_owner_alone_may_read(signer, tmp_path):
    assert read_signer(tmp_path / "audit.key").key_id == signer.key_id
    assert signer.key_id in repr(signer)
    (tmp_path / "audit.key").chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_signer(tmp_path / "audit.key")
    with pytest.raises(KeyFileError, match="no public key"):
        read_verifier(tmp_path / "audit.key")


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40), st.data())
def test_a_leaf_is_proven_without_the_others(leaves, data):
    place = data.draw(st.integers(0, len(leaves) - 1))
    proof = inclusion_proof(leaves, place)
    assert proven_root(leaves[place], proof) == merkle_root(leaves)
    assert len(proof) <= (len(leaves) - 1).bit_length()
    forged = bytes([leaves[place][0] ^ 1]) + leaves[place][1:]
    assert proven_root(forged, proof) != merkle_root(leaves)


def test_a_block_says_what_it_holds():
    block = seal_block(None, [(7, b"\1" * 32), (9, b"\2" * 32)], NOW, None)
    assert isinstance(block, AuditBlock)
    assert block.leaf_numbers == (7, 9)
    assert block.leaf_root == merkle_root([b"\1" * 32, b"\2" * 32]).hex()
