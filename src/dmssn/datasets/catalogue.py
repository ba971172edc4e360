"""The data sets by their names. A new one: a module beside this one, and a line here."""

from dmssn.config import SettingError
from dmssn.datasets.data_set import DataSet
from dmssn.datasets.folder import FOLDER
from dmssn.datasets.hrssd import HRSSD
from dmssn.datasets.hs_sod import HS_SOD
from dmssn.datasets.hsod_bit import HSOD_BIT, HSOD_BIT_V2

DATA_SETS = {item.name: item for item in (FOLDER, HSOD_BIT, HSOD_BIT_V2, HS_SOD, HRSSD)}


def data_set(name: str) -> DataSet:
    """The data set of a name, in any case.

    Raises:
        SettingError: There is none.
    """
    try:
        return DATA_SETS[name.lower()]
    except KeyError:
        known = ", ".join(DATA_SETS)
        raise SettingError(f"{name!r} is no data set; known: {known}") from None
