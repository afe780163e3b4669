from prefect.settings import get_current_settings


class TestClearSchedulesOnEmpty:
    def test_an_empty_list_clears_schedules_by_default(self):
        assert get_current_settings().deployments.clear_schedules_on_empty is True
