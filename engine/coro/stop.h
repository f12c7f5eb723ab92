// Cancellation as an object that is passed along. One thread: source, tokens and listeners belong to one shard.
#pragma once

namespace postern::inline coro {

class StopSource;

// Told once when stop is requested (at once when it already was). Unregisters itself when destroyed. Neither moves nor copies.
class StopListener {
 public:
  StopListener() = default;
  StopListener(const StopListener&) = delete;
  StopListener& operator=(const StopListener&) = delete;

 protected:
  virtual ~StopListener() { unlisten(); }
  // Starts listening; calls on_stop() from within when stop was requested before.
  void listen(StopSource& source);
  void unlisten() noexcept;

 private:
  friend class StopSource;
  virtual void on_stop() = 0;
  StopListener* prev_ = nullptr;
  StopListener* next_ = nullptr;
  StopSource* source_ = nullptr;
};

class StopSource {
 public:
  StopSource() = default;
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;
  ~StopSource();

  // Calls every listener, in no particular order. A second request does nothing.
  void request_stop();
  [[nodiscard]] bool stop_requested() const noexcept { return requested_; }

 private:
  friend class StopListener;
  StopListener* first_ = nullptr;
  bool requested_ = false;
};

// While it lives, a source stops when another one does. Both outlive it.
class StopsAnother final : private StopListener {
 public:
  StopsAnother(StopSource& first, StopSource& other) : other_(other) { listen(first); }

 private:
  void on_stop() override { other_.request_stop(); }
  StopSource& other_;
};

// A StopSource that also stops when its parent does.
class LinkedStopSource final : private StopListener {
 public:
  explicit LinkedStopSource(StopSource& parent) { listen(parent); }
  [[nodiscard]] StopSource& source() noexcept { return own_; }

 private:
  void on_stop() override { own_.request_stop(); }
  StopSource own_;
};

}  // namespace postern::inline coro
