"""What every store must do; inherit `StoreContract` and provide `open`."""

from abc import ABC, abstractmethod
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweep.store import Store, StoreError
from sweep.trial import Attempt
from tests.sweep.store.history import history
from tests.sweep.values import attempts

# Each implementation is a class of its own, which is what hypothesis means by an executor.
SEVERAL = settings(suppress_health_check=[HealthCheck.differing_executors], max_examples=25)
HISTORIES = st.lists(attempts(), max_size=6, unique_by=lambda a: (a.trial.number, a.number))


class StoreContract(ABC):
    @abstractmethod
    def open(self, place: Path) -> Store:
        """The store at `place`, new if there is none."""

    @SEVERAL
    @given(history=HISTORIES, seal_after=st.sets(st.integers(0, 6)))
    def test_what_was_appended_is_there_again(
        self, tmp_path_factory: pytest.TempPathFactory, history: list[Attempt], seal_after: set[int]
    ) -> None:
        place = tmp_path_factory.mktemp("store")
        store = self.open(place)
        for index, attempt in enumerate(history):
            store.append([attempt])
            if index in seal_after:
                store.seal()
        assert store.attempts() == history
        store.close()
        again = self.open(place)
        assert again.attempts() == history
        assert again.notes() == []
        again.close()

    @SEVERAL
    @given(history=HISTORIES)
    def test_several_at_once_are_as_good_as_one_by_one(
        self, tmp_path_factory: pytest.TempPathFactory, history: list[Attempt]
    ) -> None:
        store = self.open(tmp_path_factory.mktemp("store"))
        store.append(history)
        assert store.attempts() == history
        store.close()

    def test_a_long_history_comes_back_in_order(self, tmp_path: Path) -> None:
        """Long enough for whatever an implementation does behind the scenes."""
        whole = list(history(1500))
        store = self.open(tmp_path)
        for start in range(0, len(whole), 100):
            store.append(whole[start : start + 100])
        assert store.attempts() == whole
        store.close()
        again = self.open(tmp_path)
        assert again.attempts() == whole
        assert again.notes() == []
        again.close()

    @pytest.mark.parametrize("sealed", [False, True])
    @pytest.mark.parametrize("reopened", [False, True])
    def test_nothing_stands_twice(
        self, tmp_path: Path, ten_attempts: list[Attempt], sealed: bool, reopened: bool
    ) -> None:
        store = self.open(tmp_path)
        store.append(ten_attempts[:3])
        if sealed:
            store.seal()
        if reopened:
            store.close()
            store = self.open(tmp_path)
        with pytest.raises(StoreError, match="there already"):
            store.append([ten_attempts[5], ten_attempts[1]])
        with pytest.raises(StoreError, match="there already"):
            store.append([ten_attempts[5], ten_attempts[5]])
        assert store.attempts() == ten_attempts[:3]
        store.append(ten_attempts[3:])
        assert store.attempts() == ten_attempts
        store.close()

    def test_sealing_nothing_and_closing_twice_change_nothing(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.seal()
        store.seal()
        store.close()
        store.close()
        again = self.open(tmp_path)
        assert again.attempts() == []
        again.close()

    def test_a_second_writer_is_refused_until_the_first_has_closed(self, tmp_path: Path) -> None:
        first = self.open(tmp_path)
        with pytest.raises(StoreError, match="being run by pid"):
            self.open(tmp_path)
        first.close()
        second = self.open(tmp_path)
        assert second.notes() == []
        second.close()
