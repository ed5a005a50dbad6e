"""Forms of settings: what goes in comes out, to the last digit, or is refused."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from magicgui.widgets import LogSlider, SpinBox, create_widget
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_motionseg import widgets
from napari_motionseg.errors import SettingsError
from napari_motionseg.motion import FlowSettings
from napari_motionseg.training.engine.settings import TrainingSettings
from napari_motionseg.viewmodel.export_settings import ExportSettings
from napari_motionseg.viewmodel.learning_choices import (
    AdaptationChoices,
    PretrainChoices,
)
from napari_motionseg.viewmodel.training_choices import TrainingChoices
from napari_motionseg.widgets.common.form_rows import Choice, Number, Row, Switch
from napari_motionseg.widgets.common.number_box import Special
from napari_motionseg.widgets.common.settings_form import SettingsForm
from napari_motionseg.widgets.embedding import pretraining_section
from napari_motionseg.widgets.motion import flow_adaptation, flow_controls
from napari_motionseg.widgets.project import export_section
from napari_motionseg.widgets.segment import train_section

FORMS = {
    AdaptationChoices: (flow_adaptation.ROWS, AdaptationChoices()),
    ExportSettings: (export_section.ROWS, ExportSettings()),
    FlowSettings: (flow_controls.ROWS, FlowSettings(backward=True)),
    TrainingChoices: (train_section.ROWS, TrainingChoices(steps=5, carry=True)),
    PretrainChoices: (pretraining_section.ROWS, PretrainChoices()),
}
pytestmark = pytest.mark.usefixtures("qapp")
NOTHING = Special(None, "as the recipe says")


@dataclass(frozen=True)
class Inner:
    weight: float = 2e-7


@dataclass(frozen=True)
class Traps:
    """Fields that magicgui's own forms change, of a module with string annotations."""

    rate: float = 1e-4
    third: float = 1 / 3
    huge: float = 123456.0
    below: Annotated[int, {"min": -20}] = -7
    limit: int | None = None
    clip: float | None = None
    gap: int | Literal["auto"] = "auto"
    mode: Literal["a", "b"] = "b"
    mirror: bool = True
    inner: Inner = field(default_factory=Inner)
    hidden: tuple[int, ...] = (1, 2)


ROWS: dict[str, Row] = {
    "rate": Number(label="Rate", tooltip="", minimum=0.0, maximum=1.0, step=1e-3),
    "third": Number(label="Third", tooltip="", minimum=0.0, maximum=1.0, step=0.5),
    "huge": Number(label="Huge", tooltip="", minimum=0.0, maximum=1e6, step=1.0),
    "below": Number(label="Below", tooltip="", minimum=-20, maximum=20),
    "limit": Number(
        label="Limit", tooltip="", minimum=1, maximum=2**31 - 1, special=NOTHING
    ),
    "clip": Number(
        label="Clip", tooltip="", minimum=0.0, maximum=9.0, step=0.1, special=NOTHING
    ),
    "gap": Number(
        label="Gap", tooltip="", minimum=1, maximum=30, special=Special("auto", "auto")
    ),
    "mode": Choice(label="Mode", tooltip="", items={"first": "a", "second": "b"}),
    "mirror": Switch(label="", tooltip="", text="mirror"),
    "inner.weight": Number(
        label="Weight", tooltip="", minimum=0.0, maximum=1.0, step=0.01
    ),
}


def test_what_is_not_changed_comes_back_exactly():
    assert SettingsForm(Traps(), ROWS)() == Traps()


@pytest.mark.parametrize("kind", FORMS)
def test_each_form_of_a_dock_returns_what_it_shows(kind):
    rows, first = FORMS[kind]
    assert SettingsForm(kind(), rows)() == kind()
    form = SettingsForm(first, rows)
    assert form() == first
    form.fill(kind())
    assert form() == kind()


def test_no_form_of_a_dock_is_missing_above():
    """Each module that makes a form has its table of rows in `FORMS`."""
    folder = Path(widgets.__file__).parent
    users = {
        path.stem
        for path in folder.rglob("*.py")
        if "= SettingsForm(" in path.read_text(encoding="utf-8")
    }
    tables = [rows for rows, _ in FORMS.values()]
    for name in users:
        (path,) = folder.rglob(f"{name}.py")
        parts = path.relative_to(folder).with_suffix("").parts
        module = import_module(".".join((widgets.__name__, *parts)))
        assert any(module.ROWS is table for table in tables), name
    assert len(users) == len(FORMS)


def test_the_traps_are_there_in_magicgui():
    """Without them the form's own boxes would be needless."""
    assert create_widget(value=1e-4, annotation=float).value == 0
    assert create_widget(value=None, annotation=int | None).value == 0
    slider = LogSlider(value=1e-4, min=1e-6, max=1.0)
    assert slider.value != 1e-4


@pytest.fixture(scope="module")
def one_form(qapp):
    return SettingsForm(Traps(), ROWS)


def numbers(largest):
    return st.just(0.0) | st.floats(1e-12, largest)


@settings(
    deadline=None, max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    rate=numbers(1),
    huge=numbers(1e6),
    below=st.integers(-20, 20),
    limit=st.none() | st.integers(1, 2**31 - 1),
    clip=st.none() | numbers(9),
    gap=st.just("auto") | st.integers(1, 30),
    mode=st.sampled_from(["a", "b"]),
    mirror=st.booleans(),
    inner=st.builds(Inner, numbers(1)),
)
def test_any_settings_that_are_filled_in_come_back_exactly(one_form, **values):
    wanted = dataclasses.replace(Traps(), **values)
    one_form.fill(wanted)
    found = one_form()
    assert found == wanted
    for name, value in values.items():
        assert type(getattr(found, name)) is type(value), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", 2.0), ("rate", float("nan")), ("rate", float("inf")), ("rate", None),
        ("below", 2.5), ("below", -21), ("below", "many"), ("limit", 0),
        ("gap", None), ("mode", "c"), ("inner", Inner(-1.0)),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused_and_nothing_changes(name, value):
    before = dataclasses.replace(Traps(), rate=0.25, limit=7, gap=3)
    form = SettingsForm(before, ROWS)
    with pytest.raises(SettingsError, match=name):
        form.fill(dataclasses.replace(Traps(), **{name: value}))
    assert form() == before


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda: create_widget(annotation=float), 1e-4),
        (lambda: create_widget(annotation=int | None), None),
        (lambda: LogSlider(min=1e-6, max=1.0), 1e-4),
        (lambda: SpinBox(), 0.5),
    ],
)
def test_a_row_with_an_input_that_changes_values_is_refused(make, value):
    @dataclass(frozen=True, kw_only=True)
    class Bad(Number):
        def make(self):
            return make()

    @dataclass(frozen=True)
    class One:
        rate: float | None = value

    row = Bad(label="", tooltip="", minimum=0, maximum=1)
    with pytest.raises(SettingsError, match="rate="):
        SettingsForm(One(), {"rate": row})


def test_a_row_of_no_field_is_refused_with_the_nearest_name():
    row = Switch(tooltip="", text="")
    with pytest.raises(SettingsError, match="'miror'.*did you mean 'mirror'"):
        SettingsForm(Traps(), {"miror": row})
    with pytest.raises(SettingsError, match="'wait'"):
        SettingsForm(Traps(), {"inner.wait": row})


def test_a_combination_that_the_settings_refuse_is_told_by_them():
    form = SettingsForm(
        TrainingSettings(steps=1), {"steps": Number(tooltip="", minimum=0, maximum=9)}
    )
    form.native("steps").setValue(0)
    with pytest.raises(SettingsError, match="steps"):
        form()


def test_an_edit_is_told_once_and_changes_one_field():
    form = SettingsForm(Traps(), ROWS)
    told = []
    form.changed.connect(lambda: told.append(form()))
    form.native("mirror").setChecked(False)
    form.native("mode").setCurrentText("first")
    form.native("rate").setValue(0.5)
    form.native("inner.weight").setValue(0.25)
    form.native("limit").setValue(12)
    form.native("limit").setValue(0)
    expected = dataclasses.replace(
        Traps(), mirror=False, mode="a", rate=0.5, inner=Inner(0.25)
    )
    assert told[-1] == expected
    assert [x.limit for x in told] == [None] * 4 + [12, None]
    form.fill(Traps())
    assert told[-1] == Traps()
    assert len(told) == 7


def test_a_choice_of_none_is_told_too():
    row = Choice(tooltip="", items={"off": None, "on": 3})
    form = SettingsForm(dataclasses.replace(Traps(), limit=3), {"limit": row})
    told = []
    form.changed.connect(lambda: told.append(form().limit))
    form.native("limit").setCurrentText("off")
    assert told == [None]


def test_special_values_units_and_tips_are_shown():
    row = Number(tooltip="How many", minimum=1, maximum=9, suffix=" px", prefix="x ")
    tips = Choice(tooltip="", items={"first": "a", "second": "b"}, tips=("A", "B"))
    rows = {**ROWS, "below": row, "mode": tips}
    form = SettingsForm(dataclasses.replace(Traps(), below=4), rows)
    assert form.native("limit").text() == "as the recipe says"
    assert form.native("below").text() == "x 4 px"
    assert form.native("below").toolTip() == "How many"
    assert form.native("rate").text() == "0.0001"
    assert form.native("mode").itemData(1, 3) == "B"


def test_rows_stand_in_the_order_of_the_table(qtbot):
    holder = QWidget()
    qtbot.addWidget(holder)
    layout = QFormLayout(holder)
    rows = {
        "mirror": Switch(tooltip="", text="whole width"),
        "rate": ROWS["rate"],
        "mode": Choice(label="", tooltip="", items={"first": "a", "second": "b"}),
    }
    form = SettingsForm(Traps(), rows)
    form.add_to(layout)
    assert layout.rowCount() == 3
    spans = layout.itemAt(0, QFormLayout.ItemRole.SpanningRole)
    assert spans.widget() is form.native("mirror")
    assert layout.labelForField(form.native("rate")).text() == "Rate"
    assert layout.labelForField(form.native("mode")) is None
    field = layout.itemAt(2, QFormLayout.ItemRole.FieldRole)
    assert field.widget() is form.native("mode")


def test_filling_a_form_leaves_the_keyboard_where_it_is(qtbot):
    """magicgui's own box for integers takes the focus whenever it is set."""
    holder = QWidget()
    qtbot.addWidget(holder)
    layout = QFormLayout(holder)
    form = SettingsForm(Traps(), ROWS)
    form.add_to(layout)
    with qtbot.waitExposed(holder):
        holder.show()
    form.native("mirror").setFocus()
    form.fill(dataclasses.replace(Traps(), limit=5, rate=0.5))
    assert holder.focusWidget() is form.native("mirror")
