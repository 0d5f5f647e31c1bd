"""Loads the demo; safe to run at every start."""

from django.core.management.base import BaseCommand

from agents.demo import load_demo as load_agents
from evaluations.demo import load_demo as load_evaluations


class Command(BaseCommand):
    help = "Makes the demo's agents, persona, scenarios and criteria where they are missing."

    def handle(self, *args: object, **options: object) -> None:
        demo = load_agents()
        load_evaluations()
        for note in demo.notes:
            self.stderr.write(note)
        self.stdout.write(f"The demo is there: {demo.burger_bot.name}, {demo.pizza_line.name}, {demo.james.name}.")
