import Foundation
import Testing

extension DaemonTests {
  /// A short form of what Scripts/soak.py does at length.
  @Suite(.timeLimit(.minutes(3))) struct SoakTests {
    @Test func clientsThatLeaveTakeEverythingWithThem() async throws {
      // A handler that never hears of it would hold up the end for the whole grace period of 10 s.
      let result = try await Program.run(
        "/usr/bin/python3",
        [
          Checkout.root + "/Scripts/soak.py", Checkout.program("riffd"), "--uploads", "80",
          "--writers", "100", "--end", "8",
        ],
        environment: ["RIFF_MODELS": Checkout.root + "/Models"])
      #expect(result.status == 0, "\(String(decoding: result.output, as: UTF8.self))")
    }
  }
}
