import pytest
import torch

from moe_search.engine.seeds import Stream, generator, order


def first_draws(seed: int, stream: Stream, epoch: int) -> list[int]:
    drawn = torch.randint(2**40, (4,), generator=generator(seed, stream, epoch))
    return [int(number) for number in drawn]


def test_every_seed_purpose_and_epoch_has_a_stream_of_its_own() -> None:
    streams = [
        first_draws(seed, stream, epoch)
        for seed in (0, 1, 2**32 - 1)
        for stream in Stream
        for epoch in (0, 1, 2)
    ]
    assert len({tuple(draws) for draws in streams}) == len(streams)


def test_a_stream_repeats_whatever_else_was_drawn() -> None:
    before = first_draws(3, Stream.WEIGHTS, 0)
    torch.rand(5)
    assert first_draws(3, Stream.WEIGHTS, 0) == before


@pytest.mark.parametrize("samples", [1, 2, 50])
def test_an_order_holds_every_sample_once(samples: int) -> None:
    assert sorted(order(0, 1, samples).tolist()) == list(range(samples))


def test_the_order_depends_on_seed_and_epoch() -> None:
    orders = [tuple(order(seed, epoch, 50).tolist()) for seed in (0, 1) for epoch in (1, 2)]
    assert len(set(orders)) == 4
    assert tuple(order(0, 1, 50).tolist()) == orders[0]
