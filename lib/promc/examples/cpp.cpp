// SPDX-License-Identifier: Apache-2.0
// promc from C++: register metrics, count, print. c++ cpp.cpp $(pkg-config --cflags --libs promc)
#include <promc/promc.hpp>

#include <cstdio>
#include <stdexcept>

namespace
{

struct metrics {
    promc::counter<2> jobs;
    promc::counter<1> started;
    promc::histogram<1> took;
    promc::updown<> running;
    promc::gauge<> queued;

    explicit metrics(promc_registry *registry)
        : jobs(registry, "jobs_total", "Jobs done.", {{"kind", "success"}}),
          started(registry, "jobs_started_total", "Jobs begun.", {{"kind"}}),
          took(registry, "job_duration_seconds", "Time of a job.", {{"kind"}}, {0.01, 0.1, 1}),
          running(registry, "jobs_running", "Jobs at work now."),
          queued(registry, "jobs_queued", "Jobs that wait.", {}, promc::options().max_series(1))
    {
    }
};

void work(const metrics &metrics, const promc::label_set<1> &kind, bool good)
{
    metrics.started(kind).inc();
    promc::timer timer(metrics.took(kind));
    promc::in_flight one(metrics.running());
    if (!good)
        throw std::runtime_error("the job fails");
}

} // namespace

int main()
try {
    promc::registry registry;
    metrics metrics(registry);
    const auto mailed = metrics.jobs("mail", "true"); // looked up once and kept
    const promc::label_set<1> mail(registry, "mail"); // values for several families, prepared once
    metrics.queued().set(2);
    for (int i = 0; i < 3; i++) {
        try {
            work(metrics, mail, i < 2);
            mailed.inc();
        } catch (const std::runtime_error &) {
            metrics.jobs("mail", "false").inc();
        }
    }
    std::fputs(registry.scrape().c_str(), stdout);
} catch (const promc::error &error) {
    std::fprintf(stderr, "cpp: %s\n", error.what());
    return 1;
}
