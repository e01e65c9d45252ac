"""Critics that see what a robot's own sensors say."""

import torch

from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from training.critics import CRITIC_VIEWS, Moment
from training.front_ends import PlainView


def seen(position, velocity, landmarks):
    return observe(SIMPLE_SPREAD_V3, views_of_team(position, velocity, landmarks)).transpose(0, 1)


def test_peers_change_nothing_and_everything_else_does():
    generator = torch.Generator().manual_seed(0)
    position, velocity, landmarks = (torch.rand(4, 3, 2, generator=generator) for _ in range(3))
    view = CRITIC_VIEWS["own_sensors"]

    def judged(position=position, velocity=velocity, landmarks=landmarks):
        return view(Moment(seen(position, velocity, landmarks), torch.zeros(3, 4, 2)))

    others = torch.ones(4, 3, 2)
    others[:, 0] = 0
    assert torch.equal(judged(position + others)[0], judged()[0])
    assert not torch.equal(judged(position + others)[1], judged()[1])
    for changed in ({"position": position + 1}, {"velocity": velocity + 1}, {"landmarks": landmarks + 1}):
        assert not torch.equal(judged(**changed)[0], judged()[0])


def test_names_are_those_of_its_numbers():
    view, front_end = CRITIC_VIEWS["own_sensors"], PlainView(3)
    names = view.inputs(3, front_end)
    assert len(names) == view(Moment(torch.zeros(3, 4, len(front_end.inputs)), torch.zeros(3, 4, 2))).shape[-1] == 10
    assert names == CRITIC_VIEWS["local"].inputs(3, front_end)[:10] and not any("peer" in name for name in names)
