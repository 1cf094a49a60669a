"""Jobs in a file: what is read, and how a mistake is told of by its place."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.api.batch import MAX_BATCH
from wantui.client.batch_file import Entry, parse
from wantui.errors import InvalidRequest, UnknownField

TOML = """
[[job]]
prompt = "a cat"
seed = 7
count = 3

[[job]]
prompt = "a dog"
loras = ["style:0.8"]
"""


def test_toml_has_a_table_for_each_job() -> None:
    assert parse(TOML, "jobs.toml") == [
        Entry("jobs.toml job 1", {"prompt": "a cat", "seed": 7}, 3),
        Entry("jobs.toml job 2", {"prompt": "a dog", "loras": ["style:0.8"]}),
    ]


def test_lines_of_json_are_counted_as_an_editor_counts_them() -> None:
    text = '{"prompt": "a cat", "count": 2}\n\n  \n{"prompt": "a dog"}\n'
    assert parse(text, "standard input") == [
        Entry("standard input line 1", {"prompt": "a cat"}, 2),
        Entry("standard input line 4", {"prompt": "a dog"}),
    ]


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "jobs.toml", "jobs.toml has no jobs"),
        ("\n\n", "jobs.jsonl", "jobs.jsonl has no jobs"),
        ("prompt =", "jobs.toml", "jobs.toml: "),
        ('prompt = "a cat"', "jobs.toml", "nothing is called prompt"),
        ("job = 3", "jobs.toml", "`job` is no list of tables"),
        ('[job]\nprompt = "a cat"', "jobs.toml", "`job` is no list of tables"),
        ('{"prompt": "a"}\n{"prompt"\n', "jobs.jsonl", "jobs.jsonl line 2: this is no JSON"),
        ('{"prompt": "a"}\n["b"]', "jobs.jsonl", "jobs.jsonl line 2: this is no JSON object"),
        ("[" * 100_000, "jobs.jsonl", "jobs.jsonl line 1: this is no JSON"),
        ('{"prompt": "a", "count": 0}', "-", "- line 1: count is no number of jobs"),
        ('{"prompt": "a", "count": true}', "-", "- line 1: count is no number of jobs"),
        ('{"prompt": "a", "count": "2"}', "-", "- line 1: count is no number of jobs"),
        (f'{{"prompt": "a", "count": {MAX_BATCH + 1}}}', "-", "count is no number of jobs"),
        ('{"prompt": "a", "count": 600}\n' * 2, "jobs.jsonl", f"more than {MAX_BATCH} jobs"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, name: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(text, name)
    assert said in raised.value.message
    assert raised.value.hint


def test_a_field_that_no_request_has_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownField) as raised:
        parse('{"prompt": "a"}\n{"prompt": "b", "sizze": "32x32"}', "jobs.jsonl")
    assert raised.value.message == "jobs.jsonl line 2: no field is called 'sizze'"
    assert raised.value.hint == "did you mean size?"


@given(st.text(string.printable, max_size=200), st.sampled_from(("a.toml", "a.jsonl", "-")))
def test_any_text_is_jobs_or_an_error_of_ours(text: str, name: str) -> None:
    try:
        entries = parse(text, name)
    except InvalidRequest:
        return
    assert entries


@given(st.lists(st.tuples(st.text(), st.integers(1, 9)), min_size=1, max_size=9))
def test_what_was_written_is_what_is_read(jobs: list[tuple[str, int]]) -> None:
    lines = [json.dumps({"prompt": prompt, "count": count}) for prompt, count in jobs]
    read = [(entry.fields["prompt"], entry.count) for entry in parse("\n".join(lines), "a.jsonl")]
    assert read == jobs
