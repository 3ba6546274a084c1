"""Free-form values are kept as the bytes of a google.protobuf.Value, in which they come and go, instead of as JSON."""

import base64
import json

import sqlalchemy as sa
from alembic import op

from server import values

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BATCH = 200
COLUMNS = {
    "agents": {"configuration": False},
    "checkpoints": {"data": False},
    "sessions": {"result": True},
    "tasks": {"input": True, "output": True},
    "workflow_runs": {"parameters": False, "output": True},
}
# Steps stay JSON, in which inputs are base64.
WITH_STEPS = ("workflows", "workflow_runs")


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        _convert(table, columns, sa.LargeBinary(), lambda text: values.encode(json.loads(text)))
    for table in WITH_STEPS:
        _rewrite(table, {"steps": "steps"}, lambda text: _each_input(text, _as_base64))


def downgrade() -> None:
    for table in WITH_STEPS:
        _rewrite(table, {"steps": "steps"}, lambda text: _each_input(text, _as_json))
    for table, columns in COLUMNS.items():
        _convert(table, columns, sa.Text(), lambda value: _text(values.decode(bytes(value))))


def _convert(table, columns, kind, change) -> None:
    """Gives columns another type, and what is in them another form."""
    for name, nullable in columns.items():
        op.add_column(table, sa.Column(f"new_{name}", kind, nullable=nullable, server_default=None if nullable else ""))
    _rewrite(table, {name: f"new_{name}" for name in columns}, change)
    for name in columns:
        op.drop_column(table, name)
        op.execute(f"ALTER TABLE {table} RENAME COLUMN new_{name} TO {name}")


def _rewrite(table, targets, change) -> None:
    """Writes what `change` makes of each column into its target, some rows at a time."""
    names = ", ".join(targets)
    setting = ", ".join(f"{target} = :{name}" for name, target in targets.items())
    read = sa.text(f"SELECT id, {names} FROM {table} WHERE id > :after ORDER BY id LIMIT {BATCH}")
    write = sa.text(f"UPDATE {table} SET {setting} WHERE id = :id")
    connection, after = op.get_bind(), ""
    while rows := connection.execute(read, {"after": after}).all():
        after = rows[-1].id
        changed = [
            {name: None if (old := getattr(row, name)) is None else change(old) for name in targets} for row in rows
        ]
        connection.execute(write, [{"id": row.id, **each} for row, each in zip(rows, changed, strict=True)])


def _each_input(text, change):
    steps = json.loads(text)
    for step in steps:
        if "input" in step:
            step["input"] = change(step["input"])
    return _text(steps)


def _as_base64(plain):
    return base64.b64encode(values.encode(plain)).decode()


def _as_json(written):
    return values.decode(base64.b64decode(written))


def _text(plain):
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
