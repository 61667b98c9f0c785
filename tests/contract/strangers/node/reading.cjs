"use strict";
const { refusal, report } = require("./common.cjs");

report(async (client) => {
  const accounts = { collection: "accounts", select: ["name"] };
  const first = await client.retrieveMultiple({ ...accounts, maxPageSize: 10, orderBy: ["name asc"], count: true });
  const second = await client.retrieveMultiple({ collection: "accounts", maxPageSize: 10 }, first.oDataNextLink);
  const all = await client.retrieveAll({ ...accounts, maxPageSize: 7 });
  const found = { pages: [first.value.length, second.value.length], announced: first.oDataCount, all: all.value.length };
  found.count = await client.count({ collection: "accounts" });
  found.folded = (await client.retrieveMultiple({ ...accounts, filter: "startswith(name,'D''ARTAGNAN')" })).value.length;

  let page = await client.retrieveMultiple({ ...accounts, trackChanges: true, maxPageSize: 10 });
  found.linkOnFirstPage = page.oDataDeltaLink !== undefined;
  let tracked = page.value.length;
  while (page.oDataNextLink) {
    page = await client.retrieveMultiple({ collection: "accounts", maxPageSize: 10 }, page.oDataNextLink);
    tracked += page.value.length;
  }
  found.tracked = tracked;
  found.made = await client.create({ collection: "accounts", data: { name: "New" } });
  found.removed = await client.create({ collection: "accounts", data: { name: "Gone" } });
  await client.deleteRecord({ collection: "accounts", key: found.removed });
  const delta = await client.retrieveMultiple({ collection: "accounts" }, page.oDataDeltaLink);
  found.delta = delta.value.map((row) => [row.accountid ?? row.id, row.reason ?? "changed"]);
  found.quiet = (await client.retrieveMultiple({ collection: "accounts" }, delta.oDataDeltaLink)).value;
  found.filtered = await refusal(() => client.retrieveMultiple({ ...accounts, trackChanges: true, filter: "name eq 'x'" }));
  const definitions = await client.retrieveEntities({
    select: ["EntitySetName", "ChangeTrackingEnabled"], filter: "LogicalName eq 'account'",
  });
  found.definition = definitions.value.map((row) => [row.EntitySetName, row.ChangeTrackingEnabled]);
  found.columns = (await client.retrieveAttributes({ entityKey: "LogicalName='account'" })).value.length;
  found.csdl = (await client.retrieveCsdlMetadata()).includes('<EntityType Name="account"');
  return found;
});
