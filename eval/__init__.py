"""The evaluation suite: reference questions scored against answers."""
