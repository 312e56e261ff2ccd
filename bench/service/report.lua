-- SPDX-License-Identifier: Apache-2.0
-- wrk: the result in one line, `RESULT requests seconds p50_us p99_us errors`, for service/run.
function done(summary, latency)
  local e = summary.errors
  print(string.format("RESULT %d %.3f %d %d %d", summary.requests, summary.duration / 1e6, latency:percentile(50),
    latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
