-- SPDX-License-Identifier: Apache-2.0
-- wrk: one new prospect per request. KEY is the API key, RUN is different in each run, so that no address repeats.
local threads = 0

function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init()
  sent = 0
  wrk.method = "POST"
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
  wrk.headers["Content-Type"] = "application/json"
  prefix = '[{"email":"p' .. os.getenv("RUN") .. "." .. id .. "."
end

function request()
  sent = sent + 1
  return wrk.format(nil, nil, nil, prefix .. sent ..
    '@example.com","first_name":"Ada","last_name":"Lovelace","company":"Analytical Engines","title":"Countess","country":"GB"}]')
end

dofile(os.getenv("REPORT"))
