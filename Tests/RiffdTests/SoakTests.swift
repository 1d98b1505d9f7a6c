import Foundation
import Testing

extension DaemonTests {
  /// A short form of what `make soak` does at length.
  @Suite(.timeLimit(.minutes(15))) struct SoakTests {
    @Test func loadAndBadTimesLeaveNothingBehind() async throws {
      let folder = (try Checkout.program("riffd") as NSString).deletingLastPathComponent
      let result = try await Program.run(
        "/usr/bin/python3",
        [Checkout.root + "/Tests/soak/soak.py", folder]
          + (Sanitizer.hasOtherAllocator ? ["--without-memory"] : []),
        environment: ["RIFF_MODELS": Checkout.root + "/Models"])
      #expect(result.status == 0, "\(String(decoding: result.output, as: UTF8.self))")
    }
  }
}
