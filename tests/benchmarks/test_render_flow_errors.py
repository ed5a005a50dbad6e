import json

import pytest
from flow_oracles import ORACLES
from render_flow_errors import flow_errors

HERE = {"machine": "a machine", "date": "2026-01-01", "weights": "shipped"}


def sums(pixels, network, dis, shape):
    plain = dict.fromkeys((*ORACLES, "along", "across", "across2"), float(pixels))
    errors = {"pixels": pixels, "pwcnet": network, "dis": dis, "shape": shape}
    return plain | {"along2": 3.0 * pixels} | errors


@pytest.fixture
def rendered(tmp_path):
    cells = {
        "faint shape": sums(10, 60, 50, 20),
        "crossing both": sums(10, 20, 20, 20),
        "clear none": sums(80, 40, 80, 40),
    }
    found = {"pairs": 4, "size": 64, "cells": cells, **HERE}
    (tmp_path / "flow_errors.json").write_text(json.dumps(found))
    (section,) = flow_errors(tmp_path)
    return section


def test_there_is_no_section_without_results(tmp_path):
    assert flow_errors(tmp_path) == []


def test_the_answer_names_the_pixels_and_what_would_reach_the_target(rendered):
    text = rendered
    assert "does not see the vessel on 20% of these pixels" in text
    assert "carry 67% of its error; 50% of them lie on faint or thin" in text
    assert "would be 0.53 of that of DIS, medium instead of 0.80, and 0.67 if" in text
    assert "the target is 0.6." in text
    assert "Crossing and vanishing vessels carry 17%." in text
    assert "75% of the squared error lies along the vessel" in text


def test_a_line_tells_shares_errors_and_ratio(rendered):
    text = rendered
    line = (
        "| contrast below 4 times the noise | 10% | 50% | 6.00 | 5.00 | 1.20 | 2.00 |"
    )
    assert line in text
    assert "| **all** | 100% | 100% | 1.20 | 1.50 | 0.80 | 0.80 |" in text
    assert "diameter below" not in text  # a part without pixels has no line
    assert "| nothing is replaced | 1.20 | 0.80 |" in text
