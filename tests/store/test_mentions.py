"""Who was asked to read a note, whether they have, and what people like: on both stores."""

import msgspec

from desk.acts import Claim, Note
from desk.outcomes import Event
from store.case_records import CaseFilter
from tests.store.test_case_records import NOW, keep, record, repository

__all__ = ["repository"]


def say(repository, identity, actor, text, *names):
    with repository.booking() as booking:
        summary = booking.cases.find(identity, NOW)
        case = booking.cases.load(summary)
        after = msgspec.structs.replace(case, version=case.version + 1)
        act = Note(text=text, mentions=names) if text else Claim()
        events = (Event(kind="case.mentioned", names=names),) if names else ()
        said = msgspec.structs.replace(
            record(case.case_id, after.version, act), actor=actor, events=events
        )
        booking.cases.save(summary, after, (), said)


def unread(repository, person):
    found = repository.mentions.of_person(person, 0, 10, with_read=False)
    assert repository.mentions.unread_count(person) == len(found)
    wanted = CaseFilter(mentioned=person)
    page = repository.cases.list_cases(wanted, "raised", None, 10, NOW)
    assert {one.case_id for one in page.cases} == {one.case_id for one in found}
    assert page.total == len({one.case_id for one in found})
    return [(one.case_id, one.author, one.text) for one in found]


def test_who_is_mentioned_finds_it_until_it_is_read(repository):
    keep(repository, "monday", payments=3, bucket="unapplied_minor", applied=0)
    say(repository, "monday-0", "ann", "look @bob @cy", "bob", "cy")
    say(repository, "monday-2", "ann", "and here @bob, says @ann", "bob", "ann")
    assert unread(repository, "ann") == []
    assert unread(repository, "cy") == [("monday-0", "ann", "look @bob @cy")]
    assert unread(repository, "bob") == [
        ("monday-2", "ann", "and here @bob, says @ann"),
        ("monday-0", "ann", "look @bob @cy"),
    ]
    assert repository.mentions.unread_acts("bob", "monday-2") == [1]
    with repository.booking() as booking:
        booking.mentions.read("bob", ["monday-2"], NOW + 1)
    assert [case for case, *_ in unread(repository, "bob")] == ["monday-0"]
    later = repository.mentions.of_person("bob", 0, 10, with_read=True)
    assert [one.read_at_ms for one in later] == [NOW + 1, 0]
    older = repository.mentions.of_person("bob", later[0].number, 10, with_read=True)
    assert [one.case_id for one in older] == ["monday-0"]
    with repository.booking() as booking:
        booking.mentions.read("bob", [], NOW + 2)
    assert unread(repository, "bob") == []
    assert len(unread(repository, "cy")) == 1


def test_whoever_acts_on_a_case_has_read_what_was_there(repository):
    keep(repository, "monday", payments=2, bucket="unapplied_minor", applied=0)
    say(repository, "monday-0", "ann", "@bob", "bob")
    say(repository, "monday-1", "ann", "@bob", "bob")
    say(repository, "monday-0", "bob", "")
    assert [case for case, *_ in unread(repository, "bob")] == ["monday-1"]
    counts = repository.cases.count_cases(CaseFilter(mentioned="bob"), ("state",), NOW, 5)
    assert [(one.value, one.case_count) for one in counts] == [("new", 1)]


def test_a_mention_counts_among_the_words_that_are_looked_for(repository):
    keep(repository, "monday", payments=2, bucket="unapplied_minor", applied=0)
    say(repository, "monday-0", "ann", "@bob", "bob")
    for text, found in (("monday-0", 1), ("monday-1", 0)):
        wanted = CaseFilter(mentioned="bob", text=text)
        page = repository.cases.list_cases(wanted, "raised", None, 10, NOW)
        assert page.total == found


def test_preferences_are_each_persons_own_and_the_last_count(repository):
    assert repository.preferences.of_person("ann") is None
    for person, content in (("ann", "{}"), ("bob", '{"theme":"dark"}'), ("ann", '{"theme":"x"}')):
        with repository.booking() as booking:
            booking.preferences.save(person, content)
    assert repository.preferences.of_person("ann") == '{"theme":"x"}'
    assert repository.preferences.of_person("bob") == '{"theme":"dark"}'
