#include "appliance/probe/probe.h"

#include "appliance/ingress/connection.h"
#include "appliance/ingress/policy.h"
#include "appliance/ingress/rates.h"
#include "appliance/language/shard_language.h"
#include "appliance/probe/nowhere.h"
#include "appliance/probe/standard_stream.h"
#include "appliance/probe/trace_printer.h"
#include "engine/base/random.h"
#include "engine/smtp/session.h"
#include "net/dns/ares_resolver.h"
#include "net/transport/runtime.h"
#include "net/transport/uring_connector.h"
#include "net/transport/uring_datagram.h"

namespace postern::probe {

namespace {

// What a shard has, but for what would be seen outside.
class Probe {
 public:
  Probe(const ProbePlan& plan, transport::Runtime& runtime, transport::UringDatagrams& datagrams)
      : plan_(plan),
        runtime_(runtime),
        policy_(std::make_shared<const ingress::IngressPolicy>(ingress::make_policy(*plan.config))),
        printer_(plan.trace),
        connector_(runtime.streams()),
        resolver_({datagrams, connector_, runtime.blocks(), random_}, policy_->resolver),
        arrivals_(runtime.blocks(), runtime.clock().wall_now()),
        rates_(shards_, 0, runtime),
        language_(std::make_shared<language::ShardLanguage>(
            policy_->language,
            language::ShardNeeds{
                .clock = runtime.clock(), .connector = &connector_, .resolver = &resolver_, .has_message_text = true})),
        services_{std::make_shared<const ingress::InUse>(ingress::InUse{policy_, language_}),
                  arrivals_,
                  printer_,
                  resolver_,
                  stats_,
                  random_} {
    services_.rates = &rates_;
    services_.watcher = &printer_;
    services_.id_prefix = "probe-";
  }

  [[nodiscard]] Task<void> run() {
    {
      ingress::Connection connection(services_, services_.configuration);
      smtp::SessionOptions options;
      options.limits = &policy_->limits;
      auto stream = std::make_unique<StandardStream>(runtime_.ring(), runtime_.blocks(), plan_.in, plan_.out,
                                                     Endpoints{.peer = plan_.client, .local = plan_.local});
      smtp::Session session({runtime_.blocks(), draining_, stopping_}, std::move(stream), connection, options);
      co_await session.run();
    }
    co_await rates_.leave();
    co_await language_->close();
    co_await resolver_.close();
  }

 private:
  const ProbePlan& plan_;
  transport::Runtime& runtime_;
  SystemRandom random_;
  std::shared_ptr<const ingress::IngressPolicy> policy_;
  TracePrinter printer_;
  transport::UringConnector connector_;
  dns::AresResolver resolver_;
  Nowhere arrivals_;
  ingress::RateShards shards_{1};
  ingress::RateKeeper rates_;  // of this dialogue alone
  ingress::IngressStats stats_;
  std::shared_ptr<language::ShardLanguage> language_;  // files and programs may block: nobody else is kept waiting
  ingress::ConnectionServices services_;
  StopSource draining_;
  StopSource stopping_;
};

}  // namespace

Result<void> run_probe(const ProbePlan& plan) {
  auto runtime = transport::Runtime::create({.connections_max = 64, .small_buffers = 64, .large_buffers = 16});
  if (!runtime) return failure(runtime.error());
  auto datagrams = transport::UringDatagrams::create((*runtime)->ring());
  if (!datagrams) return failure(datagrams.error());
  Probe probe(plan, **runtime, **datagrams);
  (*runtime)->loop().run(probe.run());
  return {};
}

}  // namespace postern::probe
