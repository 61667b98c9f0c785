"""What the application may do in Sales, asked without doing it: the privileges of its user."""

import httpx

from producers import odata
from schemas import checkup_rules as rules
from schemas import dataverse, privileges
from schemas.checkup import Checked
from schemas.errors import ApiError
from schemas.mapping import Mappings
from schemas.odata import document, query
from schemas.side import Side

_FUNCTION = "Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"


async def writing(client: httpx.AsyncClient, user: str, mappings: Mappings) -> list[Checked]:
    """Where the service does not tell, what is needed is named instead. ApiError if it is away."""
    try:
        return await _asked(client, user, privileges.needed(mappings))
    except ApiError as error:
        if error.transient:
            raise
        return list(rules.writing(mappings, Side.SALES, f"Sales does not tell the privileges: {error.problem.message}"))


async def _asked(client: httpx.AsyncClient, user: str, wanted: privileges.Needed) -> list[Checked]:
    answer = await client.get(f"{dataverse.path('systemusers')}({user})/{_FUNCTION}")
    roles = document(answer.status_code, answer.content).get("RolePrivileges")
    if not isinstance(roles, list):
        raise ApiError(501, "no-privileges", "the service does not tell the user's privileges")
    held = {str(one.get("PrivilegeId")) for one in roles if isinstance(one, dict)}
    select = query(select="EntitySetName,LogicalName,Privileges")
    definitions = (await odata.get(client, f"{dataverse.API_ROOT}/EntityDefinitions{select}")).rows
    return list(privileges.lacking(wanted, definitions, held))
