"""How many run at once against another side, by simulated servers in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import median

import pytest
from batchmap.tuning.concurrency_limit import ConcurrencyLimit, Outcome
from batchmap.tuning.error_share import ErrorShare

from tests.queueing_server import QueueingServer, RatedServer, Run, jain_index, simulate

MOST = 200


def times(mean_s: float, spread: float, seed: int = 1) -> Callable[[], float]:
    """Return log-normal times of an item."""
    draw = random.Random(seed).lognormvariate
    return lambda: mean_s * draw(-(spread**2) / 2, spread)


def new_run(begins_s: float = 0.0, **changes: int) -> Run:
    return Run(ConcurrencyLimit(**{"most": MOST, **changes}), begins_s)


def queue_of_20() -> QueueingServer:
    """Return a server of 400 items a second, which lets the others wait."""
    return QueueingServer(20, times(0.05, 0.3))


def limited_to_50() -> QueueingServer:
    """Return a server of 250 items a second, which refuses what is more than 50 at once."""
    return QueueingServer(50, times(0.2, 0.3), most=50)


def share_refused(run: Run) -> float:
    return run.refused / (run.refused + len(run.done_at_s))


@pytest.mark.parametrize(
    ("server", "per_s"),
    [
        (queue_of_20, 400),
        (lambda: QueueingServer(8, times(0.05, 0.0)), 160),
        (lambda: QueueingServer(20, times(0.05, 1.0)), 400),
        (lambda: QueueingServer(100, times(0.2, 0.7)), 500),
        (limited_to_50, 250),
        (lambda: QueueingServer(32, times(0.1, 0.2), most=32), 320),
        (lambda: QueueingServer(20, times(0.05, 0.3), most=30), 400),
        (lambda: RatedServer(200, 20, times(0.1, 0.1)), 200),
    ],
)
def test_a_server_is_kept_busy_and_refuses_one_percent_at_most(
    server: Callable[[], QueueingServer | RatedServer], per_s: float
) -> None:
    run = new_run()
    simulate(server(), [run], 30)
    assert run.done_between(3, 30) >= 0.94 * 27 * per_s
    assert share_refused(run) <= 0.01


def test_latency_stays_near_its_floor() -> None:
    run = new_run()
    simulate(queue_of_20(), [run], 30)
    assert median(run.limits_between(5, 30)) <= 45  # of 20 that are served, and 200 allowed


def test_nothing_is_held_back_where_nothing_holds_up() -> None:
    run = new_run()
    simulate(QueueingServer(10_000, times(0.2, 0.3)), [run], 5)
    reached_s = next(at_s for at_s, limit in run.limits if limit == MOST)
    assert reached_s < 1.2  # doubled every 0.2 s


@pytest.mark.parametrize(
    ("server", "change"),
    [
        (queue_of_20, lambda server: server.set_slots(10, 10.0)),
        (queue_of_20, lambda server: setattr(server, "service_s", times(0.1, 0.3))),
        (limited_to_50, lambda server: setattr(server, "most", 25)),
    ],
)
def test_a_server_that_bears_half_is_given_half_within_seconds(
    server: Callable[[], QueueingServer], change: Callable[[QueueingServer], object]
) -> None:
    changing, run = server(), new_run()
    simulate(changing, [run], 30, changes=[(10, lambda: change(changing))])
    per_s = run.done_between(5, 10) / 5
    assert run.done_between(15, 30) == pytest.approx(15 * per_s / 2, rel=0.08)
    assert share_refused(run) <= 0.01


@pytest.mark.parametrize("server", [queue_of_20, limited_to_50])
def test_two_runs_at_once_share_a_server(server: Callable[[], QueueingServer]) -> None:
    runs = [new_run(), new_run()]
    simulate(server(), runs, 40)
    assert jain_index([run.done_between(5, 40) for run in runs]) >= 0.9


def test_a_server_that_is_left_alone_again_is_used_again() -> None:
    server, run = limited_to_50(), new_run()
    server.most = 20
    simulate(server, [run], 30, changes=[(10, lambda: setattr(server, "most", 50))])
    assert run.done_between(25, 30) >= 0.9 * 5 * 250


def test_the_limit_does_not_grow_while_it_is_not_used() -> None:
    run = new_run()
    run.at_most = 10
    simulate(QueueingServer(1000, times(0.05, 0.3)), [run], 10)
    assert run.limit.limit == 16
    assert run.limit.why == "there were no more to do at once"


def test_the_limit_stays_within_its_bounds() -> None:
    run = new_run(least=30, most=40)
    simulate(QueueingServer(8, times(0.05, 0.3), most=20), [run], 2)
    assert set(run.limits_between(0, 2)) <= set(range(30, 41))


def refuse(limit: ConcurrencyLimit, at_s: float, outcome: Outcome = Outcome.REFUSED) -> None:
    limit.ended(at_s - 0.01, at_s, outcome, in_flight=limit.limit)


def test_a_refusal_lowers_the_limit_at_once_and_says_why() -> None:
    limit = ConcurrencyLimit(most=MOST)
    refuse(limit, 1.0)
    assert limit.limit == 15
    assert limit.why == "with 16, the other side refused some"


def test_of_those_that_are_refused_together_the_others_are_borne() -> None:
    limit = ConcurrencyLimit(most=MOST)
    for _ in range(6):
        limit.ended(0.0, 1.0, Outcome.REFUSED, in_flight=16)
    assert limit.limit == 10


def test_errors_that_are_tried_again_count_once_they_are_frequent() -> None:
    limit = ConcurrencyLimit(most=MOST)
    for number in range(1, 20):
        refuse(limit, float(number), Outcome.RETRIED if number > 15 else Outcome.FAILED)
        assert limit.limit == 16
    refuse(limit, 20.0, Outcome.RETRIED)
    assert limit.limit == 15


def became_frequent(errors: ErrorShare, share: float, calls: int, draw: random.Random) -> list[int]:
    """Return after how many calls, of which such a share fail at random, errors became frequent."""
    return [number for number in range(calls) if errors.add(draw.random() < share)]


@pytest.mark.parametrize("share", [0.01, 0.07, 0.15, 0.4])
def test_errors_that_come_whoever_asks_are_soon_no_reason(share: float) -> None:
    errors, draw = ErrorShare(), random.Random(3)
    assert len(became_frequent(errors, share, 1000, draw)) <= 4
    assert len(became_frequent(errors, share, 10_000, draw)) <= 5


@pytest.mark.parametrize("usual", [0.0, 0.07, 0.15])
def test_more_errors_than_there_were_are_noticed_within_a_hundred_calls(usual: float) -> None:
    errors, draw = ErrorShare(), random.Random(4)
    became_frequent(errors, usual, 2000, draw)
    first, *_ = became_frequent(errors, usual + 0.35, 100, draw)
    assert first < 100


def test_failures_of_its_own_say_nothing_of_the_other_side() -> None:
    limit = ConcurrencyLimit(most=MOST)
    for number in range(1000):
        refuse(limit, float(number), Outcome.FAILED)
    assert limit.limit == 16
