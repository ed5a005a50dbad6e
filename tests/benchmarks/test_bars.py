import json

import numpy as np
import pytest
from bars import ratio_interval, real_bars, synthetic_bars
from flow_rows import Rows, meaning
from flow_synthetic import earlier, means


def sums(error, pixels=100, pairs=20):
    return np.tile((pixels, error * pixels), (pairs, 1)).astype(float)


def test_each_region_has_its_own_best_peer():
    found = {
        "still": {"vessel": sums(9), "near": sums(1), "far": sums(1)},
        "pwcnet": {"vessel": sums(3), "near": sums(0.9), "far": sums(0.6)},
        "dis": {"vessel": sums(5), "near": sums(3), "far": sums(0.9)},
        "tvl1": {"vessel": sums(8), "near": sums(1.5), "far": sums(0.5)},
    }
    table = {name: means(regions) for name, regions in found.items()}
    vessel, near, far = synthetic_bars("package", table, found)
    assert (vessel["ratio"], vessel["passed"]) == (0.6, True)
    assert (near["ratio"], near["passed"]) == (0.9, True)
    assert "nothing moves" in near["measured"]
    assert (far["ratio"], far["passed"]) == (1.2, False)
    assert "ratio 1.20 to 1.20" in far["measured"]
    *_, far = synthetic_bars("package", table, {"pwcnet": found["pwcnet"]})
    assert far["measured"] == "0.60 px; TV-L1 0.50 px"  # that of an earlier run


def test_no_bars_without_network_or_peers():
    assert synthetic_bars("package", {"still": {"vessel": 1.0}}, {}) == []
    assert real_bars({"pwcnet": {"dice_1": 0.9}, "still": {"dice_1": 0.3}}) == []


@pytest.mark.parametrize(("pairs", "error"), [(8, 3.0), (4, 3.0), (8, 3.1)])
def test_rows_of_an_earlier_report_are_kept_if_its_pairs_are_the_same(
    tmp_path, pairs, error
):
    out = tmp_path / "report.json"
    old = {"still": {"vessel": 3.0}, "dis": {"vessel": 2.0}}
    out.write_text(json.dumps({"pairs": 8, "generators": {"package": old}}))
    found = {"still": {"vessel": error}}
    kept = earlier(out, {"pairs": pairs}, "package", found)
    assert kept == (old if (pairs, error) == (8, 3.0) else {})
    assert earlier(out, {"pairs": 8}, "simple", found) == {}


def test_ratio_of_equal_errors_is_one_whatever_pairs_are_drawn():
    one = np.array([(10, 5), (400, 900), (30, 1)], float)
    assert ratio_interval(one, one) == (1, 1)


def test_rows_outlive_comments_but_not_code_and_skip_a_half_written_line(tmp_path):
    files = [tmp_path / name for name in ("a.py", "b.py", "c.py")]
    texts = ('"""A."""\nx = 1\n', "# other\nx = 1  # words\n", "x = 2\n")
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    assert meaning(files[0]) == meaning(files[1]) != meaning(files[2])
    rows = Rows("test", tmp_path, None, (files[0],))
    rows.write("dis", {"key": "one", "dice": 0.5})
    with rows.file("dis").open("a") as stream:
        stream.write('{"key": "two", "di')
    assert rows.read("dis") == {"one": {"key": "one", "dice": 0.5}}
    assert Rows("test", tmp_path, None, (files[2],)).read("dis") == {}
