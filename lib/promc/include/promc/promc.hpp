/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/promc.hpp
 * promc for C++11 and newer: only this header and the C library.
 *
 *     promc::registry registry;                                       // destroyed with everything in it
 *     promc::counter<2> requests(registry, "http_requests_total", "Requests.", {{"method", "status"}});
 *     promc::histogram<> took(registry, "job_duration_seconds", "Time of a job.");
 *
 *     requests("GET", "200").inc();                                   // found by its label values
 *     auto posts = requests("POST", "201");                           // looked up once and kept: an update adds to the thread's own cell
 *     posts.inc();
 *     { promc::timer timer(took()); work(); }                         // observes at the end of the block, also after an exception
 *     promc::label_set<2> gets(registry, "GET", "200");               // values for several families, found without reading a string
 *     requests(gets).inc();
 *     std::string page = registry.scrape();
 *
 * Label values may be string literals, `const char *`, `std::string`, and from C++17 on `std::string_view`; the compiler checks their number.
 * Registering throws promc::error. Finding a series and updating it never throw: if a lookup is refused, the handle does nothing and the
 * failure is counted (`promc_refused_updates_total`), as in C. Thread safety, costs and limits are those of the C functions: see their
 * headers. A family object is small and may be copied freely. It must not outlive its registry.
 */
#ifndef PROMC_PROMC_HPP
#define PROMC_PROMC_HPP

/* clang-format off */
#include <promc/promc.h>

#include <array>
#include <cxxabi.h>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#if __cplusplus >= 201703L
#include <string_view>
#endif

namespace promc
{

/** A failed call of the C library: `code()` is one of PROMC_E_…, `what()` names the metric and the problem. */
class error : public std::runtime_error
{
  public:
    explicit error(int code) : std::runtime_error(promc_error_detail()), code_(code) {}
    int code() const noexcept { return code_; }

  private:
    int code_;
};

namespace detail
{
inline void check(int code)
{
    if (code < 0)
        throw error(code);
}

/** A label value, from any kind of string. Points to the caller's bytes. */
struct text : promc_str {
    text(const char *value) noexcept
    {
        data = value;
        length = value != nullptr ? std::char_traits<char>::length(value) : 1; // missing, not empty: refused
    }
    text(const std::string &value) noexcept
    {
        data = value.data();
        length = value.size();
    }
#if __cplusplus >= 201703L
    text(std::string_view value) noexcept
    {
        data = value.data() != nullptr ? value.data() : "";
        length = value.size();
    }
#endif
};

/** No exception may leave a collector, except the one that unwinds a cancelled thread. */
template <typename Run> int collect(void *run, std::uint64_t)
{
    try {
        (*static_cast<Run *>(run))();
        return 0;
#ifdef __GLIBCXX__
    } catch (abi::__forced_unwind &) {
        throw;
#endif
    } catch (...) {
        return -1;
    }
}

} // namespace detail

/** A registry. It is destroyed with this object, unless it is borrowed (e.g. an exporter's). */
class registry
{
  public:
    /** @throws error */
    registry() { detail::check(promc_registry_create(&handle_, nullptr)); }
    explicit registry(const promc_registry_settings &settings)
    {
        detail::check(promc_registry_create(&handle_, &settings));
    }
    /** Wrap a registry that somebody else owns: this object does not destroy it. */
    static registry borrow(promc_registry *other) noexcept { return registry(other, false); }
    ~registry()
    {
        if (owned_)
            promc_registry_destroy(handle_);
    }
    registry(registry &&other) noexcept : handle_(other.handle_), owned_(other.owned_) { other.owned_ = false; }
    registry &operator=(registry &&other) noexcept
    {
        std::swap(handle_, other.handle_);
        std::swap(owned_, other.owned_);
        return *this;
    }
    registry(const registry &) = delete;
    registry &operator=(const registry &) = delete;

    promc_registry *get() const noexcept { return handle_; }
    operator promc_registry *() const noexcept { return handle_; }

    /** The process' own metrics. @throws error */
    void collect_process() { detail::check(promc_collect_process(handle_)); }

    /**
     * Call `run()` at the start of each scrape, like a collector in C (promc/collect.h), but it may throw: that is a failed run, counted by
     * `promc_collector_errors_total{collector}`, and the next scrape calls it again. `run` is not copied: it must last as long as the registry, or
     * until promc_collector_unregister(). @throws error
     */
    template <typename Run> void collect(const char *name, Run &run)
    {
        detail::check(promc_collector_register(handle_, name, &detail::collect<Run>, &run));
    }

    /** The whole exposition, text 0.0.4 unless the settings say otherwise. @throws error */
    std::string scrape(const promc_scrape_settings *settings = nullptr) const
    {
        char *text = nullptr;
        std::size_t length = 0;
        detail::check(promc_scrape_string(handle_, settings, &text, &length));
        struct holder {
            char *text;
            ~holder() { std::free(text); }
        } held = {text};
        return std::string(held.text, length);
    }

  private:
    registry(promc_registry *handle, bool owned) noexcept : handle_(handle), owned_(owned) {}
    promc_registry *handle_ = nullptr;
    bool owned_ = true;
};

/**
 * Label values that are prepared once, for every family of the registry that has as many labels (promc/label_set.h): `requests(gets).inc()`.
 * A lookup by them reads no string. Any number of threads may use one at once. It is a value, not a series: it keeps nothing alive, and may
 * outlive the registry.
 */
template <std::size_t Labels> class label_set
{
  public:
    /** The values are copied. @throws error */
    template <typename... Values> explicit label_set(const promc_registry *registry, const Values &...values)
    {
        static_assert(sizeof...(Values) == Labels, "as many values as the set has labels");
        const promc_str list[sizeof...(Values) + 1] = {detail::text(values)..., promc_str()};
        detail::check(promc_label_set_make_n(&handle_, registry, list, Labels));
    }
    ~label_set() { promc_label_set_free(handle_); }
    label_set(label_set &&other) noexcept { std::swap(handle_, other.handle_); }
    label_set &operator=(label_set &&other) noexcept
    {
        std::swap(handle_, other.handle_);
        return *this;
    }
    label_set(const label_set &) = delete;
    label_set &operator=(const label_set &) = delete;

    const promc_label_set *get() const noexcept { return handle_; }

  private:
    promc_label_set *handle_ = nullptr;
};

/** Optional settings of a family: `promc::options().unit("seconds").max_series(100)`. */
class options
{
  public:
    options &unit(const char *name)
    {
        settings_.unit = name;
        return *this;
    }
    options &max_series(std::uint32_t count)
    {
        settings_.max_series = count;
        return *this;
    }
    options &idle_expiry_seconds(std::uint32_t seconds)
    {
        settings_.idle_expiry_seconds = seconds;
        return *this;
    }
    options &birth_zero_seconds(std::uint32_t seconds)
    {
        settings_.birth_zero_seconds = seconds;
        return *this;
    }
    options &cap_label(const char *name)
    {
        settings_.cap_label = name;
        return *this;
    }
    const promc_family_settings &settings() const noexcept { return settings_; }

  private:
    promc_family_settings settings_ = promc_family_settings();
};

namespace detail
{
template <std::size_t Labels>
promc_family_settings family_settings(const char *name, const char *help, const std::array<const char *, Labels> &labels,
                                      const options &more)
{
    static_assert(Labels <= PROMC_MAX_LABELS, "more labels than a family may have");
    promc_family_settings settings = more.settings();
    settings.name = name;
    settings.help = help;
    for (std::size_t i = 0; i < Labels; i++)
        settings.labels[i] = labels[i];
    return settings;
}

/** The common part of all families: `Type` is the handle in C++, `Handle` in C. */
template <std::size_t Labels, typename Type, typename Handle, int (*Get)(promc_family *, const promc_str *, std::size_t, Handle *),
          Handle (*Of)(promc_family *, const promc_label_set *)>
class family
{
  public:
    /** Find or create the series with the values of a prepared set. Never throws. */
    Type operator()(const label_set<Labels> &values) const noexcept { return Type(Of(family_, values.get())); }

    /** Find or create the series with these label values, in the labels' order. Never throws. */
    template <typename... Values> Type operator()(const Values &...values) const noexcept
    {
        static_assert(sizeof...(Values) == Labels, "as many values as the family has labels");
        const promc_str list[sizeof...(Values) + 1] = {text(values)..., promc_str()};
        Handle handle = Handle();
        (void)Get(family_, list, Labels, &handle);
        return Type(handle);
    }
    promc_family *get() const noexcept { return family_; }

  protected:
    promc_family *family_ = nullptr;
};
} // namespace detail

/** One counter series. */
struct counter_series {
    promc_counter handle;
    explicit counter_series(promc_counter of) noexcept : handle(of) {}
    void inc() const noexcept { promc_counter_inc(handle); }
    /** @return false: refused (negative, NaN, infinite). */
    bool add(double n) const noexcept { return promc_counter_add(handle, n) == 0; }
    double value() const noexcept { return promc_counter_value(handle); }
};

/** One gauge series that is set. */
struct gauge_series {
    promc_gauge handle;
    explicit gauge_series(promc_gauge of) noexcept : handle(of) {}
    void set(double value) const noexcept { promc_gauge_set(handle, value); }
    void set_to_current_time() const noexcept { promc_gauge_set_to_current_time(handle); }
    void add(double delta) const noexcept { promc_gauge_add(handle, delta); }
    void inc() const noexcept { promc_gauge_inc(handle); }
    void dec() const noexcept { promc_gauge_dec(handle); }
    double value() const noexcept { return promc_gauge_value(handle); }
};

/** One gauge series that only goes up and down, e.g. requests in flight. */
struct updown_series {
    promc_updown handle;
    explicit updown_series(promc_updown of) noexcept : handle(of) {}
    void inc() const noexcept { promc_updown_inc(handle); }
    void dec() const noexcept { promc_updown_dec(handle); }
    void add(std::int64_t delta) const noexcept { promc_updown_add(handle, delta); }
    double value() const noexcept { return promc_updown_value(handle); }
};

/** One histogram series. */
struct histogram_series {
    promc_histogram handle;
    explicit histogram_series(promc_histogram of) noexcept : handle(of) {}
    void observe(double value) const noexcept { promc_histogram_observe(handle, value); }
    void observe(double value, std::uint64_t count) const noexcept { promc_histogram_observe_n(handle, value, count); }
    void observe_since(std::uint64_t start_ns) const noexcept { promc_histogram_observe_since(handle, start_ns); }
    std::uint64_t count() const noexcept { return promc_histogram_count(handle, nullptr); }
};

/** One summary series. */
struct summary_series {
    promc_summary handle;
    explicit summary_series(promc_summary of) noexcept : handle(of) {}
    void observe(double value) const noexcept { promc_summary_observe(handle, value); }
    void observe_since(std::uint64_t start_ns) const noexcept { promc_summary_observe_since(handle, start_ns); }
    double quantile(double q) const noexcept { return promc_summary_quantile(handle, q); }
};

/** Counters. A name may end in `_total` or not. */
template <std::size_t Labels = 0>
struct counter : detail::family<Labels, counter_series, promc_counter, promc_counter_get_n, promc_counter_of> {
    /** @throws error */
    counter(promc_registry *registry, const char *name, const char *help,
            const std::array<const char *, Labels> &labels = std::array<const char *, Labels>(),
            const options &more = options())
    {
        const promc_family_settings settings = detail::family_settings(name, help, labels, more);
        detail::check(promc_counter_register(registry, &settings, &this->family_));
    }
};

/** Gauges that are set. */
template <std::size_t Labels = 0> struct gauge : detail::family<Labels, gauge_series, promc_gauge, promc_gauge_get_n, promc_gauge_of> {
    /** @throws error */
    gauge(promc_registry *registry, const char *name, const char *help,
          const std::array<const char *, Labels> &labels = std::array<const char *, Labels>(),
          const options &more = options())
    {
        const promc_family_settings settings = detail::family_settings(name, help, labels, more);
        detail::check(promc_gauge_register(registry, &settings, &this->family_));
    }
};

/** Gauges that go up and down by whole numbers, as cheap as a counter. */
template <std::size_t Labels = 0>
struct updown : detail::family<Labels, updown_series, promc_updown, promc_updown_get_n, promc_updown_of> {
    /** @throws error */
    updown(promc_registry *registry, const char *name, const char *help,
           const std::array<const char *, Labels> &labels = std::array<const char *, Labels>(),
           const options &more = options())
    {
        const promc_family_settings settings = detail::family_settings(name, help, labels, more);
        detail::check(promc_updown_register(registry, &settings, &this->family_));
    }
};

/** Histograms. */
template <std::size_t Labels = 0>
struct histogram : detail::family<Labels, histogram_series, promc_histogram, promc_histogram_get_n, promc_histogram_of> {
    /** @param buckets upper bounds; empty: 5 ms … 10 s in 11 steps. @throws error */
    histogram(promc_registry *registry, const char *name, const char *help,
              const std::array<const char *, Labels> &labels = std::array<const char *, Labels>(),
              const std::vector<double> &buckets = std::vector<double>(), promc_histogram_kind kind = PROMC_HISTOGRAM_CLASSIC,
              const options &more = options())
    {
        promc_histogram_settings settings = promc_histogram_settings();
        settings.family = detail::family_settings(name, help, labels, more);
        settings.buckets = buckets.empty() ? nullptr : buckets.data();
        settings.bucket_count = buckets.size();
        settings.kind = kind;
        detail::check(promc_histogram_register(registry, &settings, &this->family_));
    }
};

/** Summaries: quantiles 0.5, 0.9 and 0.99 of the last ten minutes unless the settings say otherwise. */
template <std::size_t Labels = 0>
struct summary : detail::family<Labels, summary_series, promc_summary, promc_summary_get_n, promc_summary_of> {
    /** @param more the other settings; name, help and labels in its `family` are ignored. @throws error */
    summary(promc_registry *registry, const char *name, const char *help,
            const std::array<const char *, Labels> &labels = std::array<const char *, Labels>(),
            promc_summary_settings more = promc_summary_settings())
    {
        more.family = detail::family_settings(name, help, labels, options());
        detail::check(promc_summary_register(registry, &more, &this->family_));
    }
};

/** Observes its own lifetime in seconds, in a histogram or a summary series. */
template <typename Series> class basic_timer
{
  public:
    explicit basic_timer(Series series) noexcept : series_(series), start_ns_(promc_now_ns()) {}
    ~basic_timer()
    {
        if (running_)
            series_.observe_since(start_ns_);
    }
    basic_timer(const basic_timer &) = delete;
    basic_timer &operator=(const basic_timer &) = delete;
    /** Observe nothing. */
    void discard() noexcept { running_ = false; }

  private:
    Series series_;
    std::uint64_t start_ns_;
    bool running_ = true;
};
typedef basic_timer<histogram_series> timer;
typedef basic_timer<summary_series> summary_timer;

/** Adds one to a gauge as long as this object exists, e.g. a request in flight. */
class in_flight
{
  public:
    explicit in_flight(updown_series series) noexcept : series_(series) { series_.inc(); }
    ~in_flight() { series_.dec(); }
    in_flight(const in_flight &) = delete;
    in_flight &operator=(const in_flight &) = delete;

  private:
    updown_series series_;
};

} // namespace promc
#endif
