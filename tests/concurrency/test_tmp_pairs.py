import itertools, random, pytest
from tests.concurrency.test_interleavings import *
from tests.concurrency.conftest import *
@pytest.mark.parametrize("deeds",[*itertools.combinations_with_replacement(EVERY_DEED,2),("finalize the same order","finalize the same order")],ids=" - ".join)
def test_pair(busy_app, admin, stepper, deeds):
    print(every_ordering_ends_well(Duel(busy_app, admin, stepper, deeds), admin, 5, most=250))
