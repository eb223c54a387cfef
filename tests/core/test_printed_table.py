"""How results look where they are printed, and in a notebook."""

from fewlabels.core.printed_table import PrintedTable

RIVERS = PrintedTable("Rivers", ("name", "km"), [("Öster", "1,040"), ("長江", "6,300")], ["Two of many."])


def test_numbers_are_aligned_to_the_right_by_the_columns_of_a_terminal():
    assert RIVERS.text() == "Rivers\n\nname      km\nÖster  1,040\n長江   6,300\n\nTwo of many."


def test_in_a_notebook_it_is_a_table_in_which_nothing_of_the_users_is_markup():
    shown = PrintedTable("<b>", ("a&b",), [("<script>alert(1)</script>",)], ["1 < 2"]).html()
    assert '<td style="text-align: left">&lt;script&gt;alert(1)&lt;/script&gt;</td>' in shown
    assert "<script" not in shown
    assert "<b>&lt;b&gt;</b>" in shown
    assert "a&amp;b" in shown
    assert "1 &lt; 2" in shown


def test_without_rows_only_what_is_said_is_left():
    assert PrintedTable("", ("a",), [], ["Nothing to compare."]).text() == "Nothing to compare."
    assert "<table>" not in PrintedTable("", ("a",), []).html()
