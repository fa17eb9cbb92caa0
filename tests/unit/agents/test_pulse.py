"""A pulse beats first thing, prolongs before it beats, and says goodbye even to a registry that does not answer."""

import asyncio
from datetime import timedelta

from chimera_cli.agents.pulse import Pulse, PulseTools
from chimera_cli.models.agent import ProcessBeat
from tests.unit.agents.crew_fakes import Ears, HandClock, quiet
from tests.unit.agents.test_base import Clerk


class Diary:
    """Registry and housekeeper in one, which writes down what comes in which order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.deaf = False
        self.sweeping = asyncio.Event()
        self.beats: list[ProcessBeat] = []

    async def extend(self) -> None:
        self.lines.append("extend")

    async def beat(self, beat: ProcessBeat) -> None:
        self.lines.append("beat")
        self.beats.append(beat)

    async def leave(self, process: str) -> None:
        if self.deaf:
            await asyncio.Event().wait()
        self.lines.append(f"leave {process}")

    async def tick(self, *, wait: bool = True) -> str:
        self.lines.append("tick")
        await self.sweeping.wait()
        return "swept"


def pulse(diary: Diary, clock: HandClock) -> Pulse:
    ears = Ears()
    tools = PulseTools(registry=diary, housekeeper=diary, telemetry=ears, clock=clock, chance=lambda: 0.5)
    agents = [Clerk(ears), Clerk(ears)]
    return Pulse(agents, tools, process="p1", period=timedelta(seconds=5), each_beat=diary.extend)


async def test_leases_are_prolonged_before_every_beat_and_the_first_beat_is_at_once() -> None:
    diary, clock = Diary(), HandClock()
    async with pulse(diary, clock):
        await quiet()
        assert diary.lines == ["extend", "beat"]
    assert diary.lines == ["extend", "beat", "leave p1"]
    assert [beat.has_key for beat in diary.beats] == [True]


async def test_a_beat_tells_that_the_process_has_no_key() -> None:
    diary, clock, ears = Diary(), HandClock(), Ears()
    tools = PulseTools(
        registry=diary, housekeeper=diary, telemetry=ears, clock=clock, chance=lambda: 0.5, has_key=False
    )
    async with Pulse([Clerk(ears)], tools, process="p1", period=timedelta(seconds=5)):
        await quiet()
    assert [beat.has_key for beat in diary.beats] == [False]


async def test_two_rounds_of_housekeeping_never_overlap() -> None:
    diary, clock = Diary(), HandClock()
    async with pulse(diary, clock) as beating:
        await clock.pass_by(0.5)
        asked = asyncio.create_task(beating.tick())
        await quiet()
        assert diary.lines.count("tick") == 1
        diary.sweeping.set()
        assert await asked == "swept"
        assert diary.lines.count("tick") == 2


async def test_a_registry_that_does_not_answer_does_not_keep_the_process() -> None:
    diary, clock = Diary(), HandClock()
    diary.deaf = True

    async def live() -> None:
        async with pulse(diary, clock):
            await quiet()

    life = asyncio.create_task(live())
    await clock.pass_by(1)
    assert not life.done()
    await clock.pass_by(1.5)
    assert life.done()
    await life


async def test_a_beat_tells_how_late_the_loop_came_and_a_very_late_one_is_said() -> None:
    diary, clock, ears, agent = Diary(), HandClock(), Ears(), Clerk(Ears())
    lost = iter([0.0, 0.1, 5.0, 6.6])

    def monotonic() -> float:
        return next(lost, 7.0)

    tools = PulseTools(
        registry=diary, housekeeper=diary, telemetry=ears, clock=clock, chance=lambda: 0.5, monotonic=monotonic
    )
    async with Pulse([agent], tools, process="p1", period=timedelta(seconds=5)):
        await clock.pass_by(10)
    assert [beat.loop_lag for beat in diary.beats] == [timedelta(0), timedelta(seconds=1.5), timedelta(0)]
    assert ears.one("loop.late").fields == {"late_s": 1.5}
