-- SPDX-License-Identifier: Apache-2.0
-- wrk: prints one line, `RESULT requests seconds p50_us p99_us errors`, for service/lib.sh. wrk counts whole
-- microseconds; a percentile is interpolated within its microsecond.
local function percentile(latency, share)
  local total, below = 0, 0
  for i = 1, #latency do
    local _, count = latency(i)
    total = total + count
  end
  for i = 1, #latency do
    local value, count = latency(i)
    if below + count >= share * total then
      return value + (share * total - below) / count
    end
    below = below + count
  end
  return 0
end

function done(summary, latency)
  local e = summary.errors
  print(string.format("RESULT %d %.3f %.3f %.3f %d", summary.requests, summary.duration / 1e6, percentile(latency, .5),
    percentile(latency, .99), e.connect + e.read + e.write + e.status + e.timeout))
end
