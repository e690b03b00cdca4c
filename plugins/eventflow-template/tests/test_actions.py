from eventflow.plugin import ActionContext
from eventflow.testing import ActionContract

from eventflow_template.actions import Greet


class TestGreet(ActionContract):
    def action(self, place):
        return Greet(ActionContext(directory=place))

    def good(self):
        return {"person": "Ann"}
