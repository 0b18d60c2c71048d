"""A close look at the local platform passes the port's suite; and how a log is read from its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.adapters.local.examination import BLOCK_BYTES, LocalExaminer, newest_lines
from lockage.errors import RefusedError
from lockage.ports import Platform
from ports.platform_examiner_suite import Examined, PlatformExaminerSuite
from support.local_scene import LocalScene


@pytest.mark.real
class TestLocalExaminer(PlatformExaminerSuite):
    """With real processes."""

    @pytest.fixture
    def examined(self, scene: LocalScene) -> Iterator[Examined]:
        opened: list[LocalExaminer] = []

        def examine(_: Platform) -> LocalExaminer:
            opened.append(LocalExaminer(scene.state_dir))
            return opened[-1]

        yield examine
        for examiner in opened:
            examiner.close()

    def test_a_replica_that_is_not_there_is_refused(self, scene: LocalScene, examined: Examined) -> None:
        with pytest.raises(RefusedError) as refused:
            examined(scene.open(replicas=1)).log("nobody", "app", previous=False, lines=10)
        assert refused.value.code == "LK305"


@given(
    st.lists(st.text(alphabet=st.characters(exclude_characters="\n\r", exclude_categories=["C", "Z"])), max_size=40),
    st.integers(1, 50),
)
def test_the_last_lines_are_those_that_reading_all_would_give(lines: list[str], most: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log"
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        assert newest_lines(file, most) == (tuple(lines[-most:]), len(lines) > most)


def test_a_log_larger_than_a_block_is_read_from_its_end_only(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("".join(f"{number:09}\n" for number in range(BLOCK_BYTES)))
    lines, cut = newest_lines(file, 3)
    assert lines == tuple(f"{BLOCK_BYTES - back:09}" for back in (3, 2, 1))
    assert cut


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert newest_lines(tmp_path / "none", 3) == ((), False)
