import pytest
from made_up_study import Study, build


@pytest.fixture
def study() -> Study:
    """Two pretrained methods and two controls, three budgets, five seeds; nothing validated at ten labels."""
    return build()
