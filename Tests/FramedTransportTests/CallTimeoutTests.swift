import FramedTransport
import Testing

/// framing.md, section 6: `grpc-timeout`.
@Suite struct CallTimeoutTests {
  @Test(arguments: [
    ("1H", Duration.seconds(3600)), ("2M", .seconds(120)), ("15S", .seconds(15)),
    ("15000m", .seconds(15)), ("250u", .microseconds(250)), ("99n", .nanoseconds(99)),
    ("14999995u", .microseconds(14_999_995)), ("00001000m", .seconds(1)), ("0S", .zero),
  ])
  func reads(text: String, duration: Duration) {
    #expect(CallTimeout(text)?.duration == duration)
  }

  @Test(arguments: [
    "", "S", "5", "5s", "5 S", "-5S", "+5S", "1.5S", "123456789m", "5SS", "٥S", "5S ", "0x5S",
  ])
  func refuses(text: String) {
    #expect(CallTimeout(text) == nil)
  }

  @Test(arguments: [
    ("14999995u", "15000m"), ("14999000u", "14999m"), ("9999999u", "9999999u"),
    ("10000000u", "10000m"), ("10000001n", "10001u"), ("99999999H", "9999999H"),
    ("99999999n", "100000u"), ("99999999S", "1666667M"), ("00005000m", "5000m"),
  ])
  func writesAtMostSevenDigitsRoundedUp(text: String, written: String) throws {
    let timeout = try #require(CallTimeout(text))
    #expect(timeout.text == written)
  }

  @Test(arguments: [
    (Duration.nanoseconds(1), "1n"), (.nanoseconds(9_999_999), "9999999n"),
    (.nanoseconds(10_000_001), "10001u"), (.seconds(1), "1000000u"), (.seconds(15), "15000m"),
    (.seconds(9) + .nanoseconds(1), "9001m"), (.seconds(20_000), "20000S"),
    (.seconds(9999) + .nanoseconds(1), "10000S"), (.milliseconds(999), "999000u"),
  ])
  func ofADurationIsNeverShorter(duration: Duration, text: String) throws {
    let timeout = try #require(CallTimeout(duration))
    #expect(timeout.text == text)
    #expect(try #require(timeout.duration) >= duration)
  }

  @Test func ofNothingIsNone() {
    #expect(CallTimeout(Duration.zero) == nil)
    #expect(CallTimeout(Duration.seconds(-1)) == nil)
  }

  @Test func tooLongIsNone() throws {
    let hours = try #require(CallTimeout("99999999H"))
    #expect(hours.duration == nil)
    #expect(CallTimeout("87600H")?.duration == .seconds(87_600 * 3600))
  }
}
