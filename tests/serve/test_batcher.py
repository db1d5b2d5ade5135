"""The queue before a model: order, batches, limits, deadlines, and jobs that break alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from darse.score.scorer import Score
from darse.serve.batcher import Batcher, Job, LateError, QueueFullError
from darse.serve.routing import Served
from tests.serve.serving import WAIT_S, FakeScorer


@contextmanager
def a_batcher(*, max_waiting: int = 64, batch_texts: int = 8) -> Iterator[tuple[Batcher, Served, FakeScorer]]:
    scorer = FakeScorer()
    batcher = Batcher(max_waiting=max_waiting, batch_texts=batch_texts, observe=lambda texts, seconds: None)
    try:
        yield batcher, Served("a", "0" * 64, scorer), scorer
    finally:
        scorer.gate.set()
        batcher.close(WAIT_S)
        assert not batcher.is_alive


async def ask(batcher: Batcher, served: Served, *texts: str, deadline_s: float = WAIT_S) -> list[Score]:
    return await batcher.score(served, texts, None, deadline_s=deadline_s)


async def busy(batcher: Batcher, served: Served, scorer: FakeScorer) -> asyncio.Task[list[Score]]:
    """A batch that is in the model while its gate is closed."""
    scorer.gate.clear()
    task = asyncio.create_task(ask(batcher, served, "first"))
    await asyncio.sleep(0)
    async with asyncio.timeout(WAIT_S):
        while batcher.waiting:
            await asyncio.sleep(0.001)
    return task


def test_each_request_has_its_own_scores_whatever_it_shared_a_batch_with() -> None:
    async def story() -> None:
        with a_batcher() as (batcher, served, scorer):
            requests = [
                tuple("x" * (1 + number % 7 + place) for place in range(1 + number % 3)) for number in range(60)
            ]
            first = await busy(batcher, served, scorer)
            some = [asyncio.create_task(ask(batcher, served, *texts)) for texts in requests[:20]]
            await asyncio.sleep(0)
            scorer.gate.set()
            answers = await asyncio.gather(*some, *(ask(batcher, served, *texts) for texts in requests[20:40]))
            for texts, scores in zip(requests, answers, strict=False):
                assert scores == [scorer.expected(text) for text in texts]
            await first
            assert max(scorer.batches) > 1, "what waits together is scored together"
            assert max(scorer.batches) <= 8

    asyncio.run(story())


def test_a_batch_never_mixes_adapters() -> None:
    async def story() -> None:
        with a_batcher() as (batcher, served, scorer):
            other_scorer = FakeScorer(0.5)
            other = Served("b", "1" * 64, other_scorer)
            first = await busy(batcher, served, scorer)
            tasks = [asyncio.create_task(ask(batcher, (served, other)[number % 2], "text")) for number in range(10)]
            await asyncio.sleep(0)
            scorer.gate.set()
            for number, scores in enumerate(await asyncio.gather(*tasks)):
                assert scores == [(scorer, other_scorer)[number % 2].expected("text")]
            await first

    asyncio.run(story())


def test_too_many_waiting_texts_are_told_when_to_come_back_and_room_is_given_again() -> None:
    async def story() -> None:
        with a_batcher(max_waiting=4) as (batcher, served, scorer):
            first = await busy(batcher, served, scorer)
            waiting = [asyncio.create_task(ask(batcher, served, "one", "two")) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(QueueFullError) as caught:
                await ask(batcher, served, "three")
            assert caught.value.retry_after_s >= 1
            scorer.gate.set()
            await asyncio.gather(first, *waiting)
            assert await ask(batcher, served, "three") == [scorer.expected("three")]

    asyncio.run(story())


def test_a_request_past_its_deadline_is_told_so_and_never_scored() -> None:
    async def story() -> None:
        with a_batcher(max_waiting=1) as (batcher, served, scorer):
            first = await busy(batcher, served, scorer)
            with pytest.raises(LateError, match=r"no answer within 0\.01 s"):
                await ask(batcher, served, "late", deadline_s=0.01)
            scorer.gate.set()
            await first
            await ask(batcher, served, "next")
            assert scorer.batches == [1, 1]

    asyncio.run(story())


def test_a_text_that_breaks_the_model_breaks_its_own_request_alone() -> None:
    async def story() -> None:
        with a_batcher() as (batcher, served, scorer):
            first = await busy(batcher, served, scorer)
            texts = ["good", "break", "bad"]
            tasks = [asyncio.create_task(ask(batcher, served, text)) for text in texts]
            await asyncio.sleep(0)
            scorer.gate.set()
            good, broken, bad = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(broken, RuntimeError)
            assert (good, bad) == ([scorer.expected("good")], [scorer.expected("bad")])
            await first

    asyncio.run(story())


def test_closing_scores_what_waits_and_takes_nothing_more() -> None:
    async def story() -> None:
        with a_batcher() as (batcher, served, scorer):
            first = await busy(batcher, served, scorer)
            waiting = asyncio.create_task(ask(batcher, served, "waiting"))
            await asyncio.sleep(0)
            closing = threading.Thread(target=batcher.close, args=(WAIT_S,))
            closing.start()
            while batcher.is_alive:
                await asyncio.sleep(0.001)
            with pytest.raises(LateError, match="the server is stopping"):
                await ask(batcher, served, "too late")
            scorer.gate.set()
            assert await waiting == [scorer.expected("waiting")]
            await first
            closing.join(WAIT_S)

    asyncio.run(story())


def test_the_shadow_runs_when_nobody_waits_and_is_left_out_when_too_much_does() -> None:
    async def story() -> None:
        with a_batcher(max_waiting=2) as (batcher, served, scorer):
            first = await busy(batcher, served, scorer)
            seen: list[str] = []
            done = threading.Event()

            def compared(result: list[Score] | Exception) -> None:
                seen.append("shadow")
                done.set()

            async def wait_for_prod() -> None:
                await ask(batcher, served, "prod")
                seen.append("prod")

            assert batcher.shadow(Job(FAKE, ["x", "y"], None, compared))
            assert not batcher.shadow(Job(FAKE, ["z"], None, compared))
            prod = asyncio.create_task(wait_for_prod())
            await asyncio.sleep(0)
            FAKE_SCORER.gate.clear()
            scorer.gate.set()
            await prod
            await first
            FAKE_SCORER.gate.set()
            assert done.wait(WAIT_S)
            assert seen == ["prod", "shadow"]

    asyncio.run(story())


FAKE_SCORER = FakeScorer(0.5)
FAKE = Served("shadow", "2" * 64, FAKE_SCORER)
