import Foundation

/// How long something took, by the clock and by the work of this process's threads.
struct Stopwatch {
  let seconds: Double
  /// Of all threads together. What other programs take from a busy machine is not in it.
  let cpuSeconds: Double

  init(_ body: () throws -> Void) rethrows {
    let used = Self.cpu()
    self.seconds = try ContinuousClock().measure(body) / .seconds(1)
    self.cpuSeconds = Self.cpu() - used
  }

  init(seconds: Double, cpuSeconds: Double) {
    self.seconds = seconds
    self.cpuSeconds = cpuSeconds
  }

  /// Seconds of this process's threads together.
  static func cpu() -> Double {
    var time = timespec()
    // It fails for clocks that the system does not have; every system has this one.
    _ = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}
