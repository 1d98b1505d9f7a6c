import ConversationAudit
import FramedTransport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Seeded schedules of two peers over a network that splits, delays and loses. `RIFF_SIMULATION_SEED=N`
/// runs one seed again; `RIFF_SIMULATION_STEPS=N` runs more of them.
@Suite("Two state machines under seeded schedules")
struct SimulationTests {
  private static func setting(_ name: String) -> UInt64? {
    getenv(name).flatMap { UInt64(String(cString: $0)) }
  }

  /// A million steps, each an event for one of the two machines. A failure names its seed.
  @Test func everySeedKeepsThePromises() throws {
    if let seed = Self.setting("RIFF_SIMULATION_SEED") {
      var simulation = Simulation(seed: seed)
      try simulation.run()
      return
    }
    let wanted = Self.setting("RIFF_SIMULATION_STEPS") ?? 1_000_000
    var counts = Simulation.Counts()
    var seed: UInt64 = 0
    while counts.steps < wanted {
      var simulation = Simulation(seed: seed)
      do {
        try simulation.run()
      } catch {
        Issue.record("RIFF_SIMULATION_SEED=\(seed): \(error)")
        return
      }
      counts.add(simulation.counts)
      seed += 1
    }
    // What must have happened somewhere for the schedules to be worth their time.
    #expect(counts.calls > 1_000 && counts.messages > 10_000 && counts.ok > 500)
    #expect(counts.cancelled > 100 && counts.expired > 100 && counts.lost > 100)
    #expect(counts.shutdowns > 100 && counts.waitsForCredit > 100)
    #expect(counts.unseen > 100)
    print("simulation: \(seed) seeds, \(counts)")
  }

  @Test func aSeedIsOneSchedule() throws {
    for seed in [3, 1_000_003] as [UInt64] {
      var (first, second) = (Simulation(seed: seed), Simulation(seed: seed))
      try first.run()
      try second.run()
      #expect(first.counts == second.counts)
      #expect(first.digest == second.digest)
    }
  }
}
