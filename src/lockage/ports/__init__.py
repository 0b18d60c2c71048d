"""What the flows ask of the world, as small protocols: the platform, the releaser, the database, the shadow, the journal.

Not for decisions, and not for one platform only: each protocol was written with Kubernetes and Helm in mind before the local
platform. Everything here is synchronous. What cannot be reached raises ``UnreachableError``; what the asking identity may not
do raises ``RefusedError``. "Look" methods change nothing; "act" methods say how they are undone.
"""

from lockage.ports.asks_data import AsksData
from lockage.ports.clock import Clock, Narrate
from lockage.ports.database import Database, Killed
from lockage.ports.examination import DatabaseExaminer, PlatformExaminer
from lockage.ports.journal import Journal, JournalEntry, Journals
from lockage.ports.platform import Answer, LeaseState, Platform, Releaser, Rollout, Service
from lockage.ports.shadow import OldStatements, Shadow, Shadows, TracedSession
from lockage.ports.target import Target

__all__ = [
    "Answer",
    "AsksData",
    "Clock",
    "Database",
    "DatabaseExaminer",
    "Journal",
    "JournalEntry",
    "Journals",
    "Killed",
    "LeaseState",
    "Narrate",
    "OldStatements",
    "Platform",
    "PlatformExaminer",
    "Releaser",
    "Rollout",
    "Service",
    "Shadow",
    "Shadows",
    "Target",
    "TracedSession",
]
