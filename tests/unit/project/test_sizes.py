"""Files and functions stay small, or say in the module docstring why not: a line that begins with `Size:`."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("sizes", ROOT / "tools/sizes.py")
sizes = sys.modules["sizes"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sizes)


@pytest.mark.parametrize("path", sizes.modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_small_or_with_a_reason(path):
    file, functions = sizes.measure(path)
    too_large = [file] if file.lines > sizes.FILE_LIMIT else []
    too_large += [function for function in functions if function.lines > sizes.BODY_LIMIT]
    assert [size for size in too_large if size.reason is None] == []


def test_a_body_is_counted_without_its_docstring(tmp_path):
    path = tmp_path / "sample.py"
    docstring = '    """Say.\n\n    More.\n    """\n'
    path.write_text(f'"""Why.\n\nSize: one table.\n"""\n\n\ndef f(\n    a,\n):\n{docstring}    b = 1\n\n    return b\n')
    file, [function] = sizes.measure(path)
    assert (file.lines, function.lines) == (16, 3)
    assert file.reason == function.reason == "Size: one table."
