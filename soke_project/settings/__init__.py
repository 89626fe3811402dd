"""Settings, one integration a file; every value from outside comes through `environment`."""

from soke_project.settings.alerts import *
from soke_project.settings.apps import *
from soke_project.settings.chain import *
from soke_project.settings.configuration import *
from soke_project.settings.database import *
from soke_project.settings.economy import *
from soke_project.settings.jobs import *
from soke_project.settings.logging import *
from soke_project.settings.pages import *
from soke_project.settings.payouts import *
from soke_project.settings.prices import *
from soke_project.settings.rest import *
from soke_project.settings.security import *
from soke_project.settings.sockets import *
