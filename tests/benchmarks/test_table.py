from benchmarks.table import cell, markdown, number, rows

FOUND = {
    "about": "What\n    is done.",
    "headings": {"rate": "tasks/s", "behind": "behind, s", "never": "never told"},
    "beside_floor": "rate",
    "subjects": {"floor": {"rate": [1000.0, 2000.0]}, "chimera": {"rate": [500.0, 1500.0], "behind": [0.5, 0.5]}},
    "failed": {"peer": "no such command"},
}


def test_a_row_tells_median_and_spread_and_what_a_round_was_beside_its_floor() -> None:
    assert list(rows(FOUND)) == [
        "|  | tasks/s | behind, s | x floor |",
        "|---|---|---|---|",
        "| floor | 1,500 (1,000-2,000) | - | 1 |",
        "| chimera | 1,000 (500-1,500) | 0.50 | 0.62 |",
        "\npeer failed: no such command",
    ]


def test_a_page_names_command_machine_and_versions() -> None:
    page = markdown(
        {
            "command": "python -m benchmarks",
            "at": "2030-01-01",
            "quick": False,
            "machine": {"cores": 2},
            "versions": {"Redis": "6.2"},
            "scenarios": {"drain": FOUND},
        }
    )
    assert page.startswith(
        "`python -m benchmarks`, 2030-01-01\n\ncores 2. Versions: Redis 6.2.\n\n### drain\n\nWhat is done.\n"
    )


def test_numbers_have_three_digits_that_mean_something() -> None:
    assert [number(value) for value in (None, 0.0, 0.123, 12.34, 123.4, 12345.6)] == [
        "-",
        "0",
        "0.12",
        "12.3",
        "123",
        "12,346",
    ]
    assert cell([None]) == "-"
    assert cell([0.001, 0.002]) == "0.00"
