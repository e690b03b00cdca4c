"""A change of the documents is told once, and only when it is over."""

import os

import pytest

from eventflow.catalog.watch import Watch


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.yaml").write_text("one")
    return tmp_path


def touch(path, text, at):
    path.write_text(text)
    os.utime(path, ns=(at, at))


def test_nothing_happens(folder):
    watch = Watch([folder, folder / "not_there"])
    assert [watch.changed() for _ in range(3)] == [False, False, False]


def test_a_change_is_told_once_it_lies_still(folder):
    watch = Watch([folder])
    touch(folder / "a.yaml", "two", 1)
    assert [watch.changed() for _ in range(4)] == [False, True, False, False]


def test_a_file_that_is_still_being_written_is_waited_for(folder):
    watch = Watch([folder])
    told = []
    for step in range(3):
        touch(folder / "a.yaml", "x" * step, step)
        told.append(watch.changed())
    assert [*told, watch.changed(), watch.changed()] == [False, False, False, True, False]


def test_added_removed_renamed_and_replaced_files_are_changes(folder):
    watch = Watch([folder, folder / "later"])

    def settled():
        return [watch.changed(), watch.changed()]

    touch(folder / "b.yml", "new", 5)
    assert settled() == [False, True]
    (folder / "b.yml").rename(folder / "c.yml")
    assert settled() == [False, True]
    (folder / "c.yml").unlink()
    assert settled() == [False, True]
    (folder / "later").mkdir()
    assert settled() == [False, False]
    touch(folder / "later/d.yaml", "x", 5)
    assert settled() == [False, True]
    touch(folder / "new", "one", (folder / "a.yaml").stat().st_mtime_ns)
    (folder / "new").replace(folder / "a.yaml")  # same size, same time, another file
    assert settled() == [False, True]
    touch(folder / "notes.txt", "x", 5)
    assert settled() == [False, False]


def test_what_is_undone_before_anybody_looked_twice_is_no_change(folder):
    watch = Watch([folder])
    touch(folder / "b.yaml", "x", 5)
    first = watch.changed()
    (folder / "b.yaml").unlink()
    assert [first, watch.changed(), watch.changed()] == [False, False, False]
