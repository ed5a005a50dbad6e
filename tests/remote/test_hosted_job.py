"""The worker's side: a job ends when its window has gone, and holds few messages."""

import threading
import time

import pytest
from helpers import child_jobs

from napari_motionseg.remote import hosted_job as module
from napari_motionseg.remote.letters import BYE, Letter
from napari_motionseg.remote.packing import pack, unpack

PATIENCE_S = 200  # for a child process that imports torch on a busy machine


@pytest.fixture
def hosted(tmp_path):
    """Return a function that hosts a job in a thread, and how it is talked to."""
    threads = []

    def begin(key, silence_s=PATIENCE_S):
        thread = threading.Thread(target=module.host, args=(key, (), silence_s))
        thread.start()
        threads.append(thread)
        until(lambda: key in module.HOSTED)
        return thread

    yield begin
    for key in list(module.HOSTED):
        module.exchange(key, Letter(0, (BYE,)))
    for thread in threads:
        thread.join(PATIENCE_S)
    module.runner(()).release()


def until(true):
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def call(tmp_path, function, *args):
    return pack((function, args, {}), tmp_path)


def test_nobody_answers_for_another_job():
    assert module.exchange("unknown", Letter()) is None


def test_a_job_ends_when_its_window_is_silent(hosted, tmp_path):
    thread = hosted("silent", silence_s=0.5)
    parcel, _ = call(tmp_path, child_jobs.counting, 100_000, 0.01)
    module.exchange("silent", Letter(call=parcel))
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert "silent" not in module.HOSTED


def test_messages_are_kept_until_they_have_arrived(hosted, tmp_path):
    hosted("kept")
    parcel, _ = call(tmp_path, child_jobs.counting, 3)
    assert module.exchange("kept", Letter()).lacks is None
    module.exchange("kept", Letter(call=parcel))

    def kinds(after):
        reply = module.exchange("kept", Letter(after))
        return [(m.number, m.kind) for m in reply.messages]

    until(lambda: kinds(0) and kinds(0)[-1][1] == "result")
    told = kinds(0)
    assert [number for number, _ in told] == list(range(1, len(told) + 1))
    assert kinds(0) == told  # an answer may be lost
    assert kinds(told[-2][0]) == told[-1:]
    last = module.exchange("kept", Letter(told[-2][0])).messages[0]
    assert unpack(last.value, last.contents, tmp_path) == [1, 2, 3]


def test_a_job_waits_while_too_much_is_unread(hosted, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "UNREAD_BYTES", 1)
    hosted("waiting")
    parcel, _ = call(tmp_path, child_jobs.counting, 1000)
    module.exchange("waiting", Letter(call=parcel))
    until(lambda: len(module.exchange("waiting", Letter()).messages) > 3)
    time.sleep(0.3)
    few = module.exchange("waiting", Letter()).messages
    assert len(few) < 200  # one at a look, and not all that the process has sent
    after = few[-1].number
    until(lambda: module.exchange("waiting", Letter(after)).messages)


def test_a_call_that_cannot_be_read_is_told(hosted, tmp_path):
    hosted("unreadable")
    parcel, _ = pack("no call", tmp_path)
    module.exchange("unreadable", Letter(call=parcel))
    until(lambda: module.exchange("unreadable", Letter()).messages)
    (message,) = module.exchange("unreadable", Letter()).messages
    assert message.kind == "failed"
    assert "cannot read the job" in str(unpack(message.value, {}, tmp_path))
