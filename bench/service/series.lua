-- SPDX-License-Identifier: Apache-2.0
-- wrk: each request imports a good and a bad row for another organisation (organisations.js), which creates two series.
local sent = tonumber(os.getenv("START"))
local body = '[{"email":"ada@example.com"},{"email":"none"}]'

function request()
  sent = sent + 1
  local key = (sent - 1) % tonumber(os.getenv("ORGANISATIONS")) + 1
  return wrk.format("POST", nil, { ["Authorization"] = "Bearer benchmark-key-" .. key,
    ["Content-Type"] = "application/json" }, body)
end

dofile(os.getenv("REPORT"))
