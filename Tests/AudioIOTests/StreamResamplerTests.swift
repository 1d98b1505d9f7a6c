import AudioIO
import Testing

@Suite("Resampling")
struct StreamResamplerTests {
  @Test(
    "n samples come out as round(n × out / in)",
    arguments: [
      (24_000, 48_000), (44_100, 48_000), (48_000, 44_100), (8_000, 48_000),
      (22_050, 48_000), (96_000, 44_100), (384_000, 1_000), (1_000, 384_000), (11_025, 48_000),
    ],
    [0, 1, 2, 3, 100, 441, 12_345])
  func lengths(rates: (Int, Int), count: Int) throws {
    let clip = AudioClip(
      sampleRate: rates.0, channels: [Signal.sine(100, count: count, rate: rates.0)])
    let output = try StreamResampler.resample(clip, to: rates.1)
    let exact = (Double(count) * Double(rates.1) / Double(rates.0)).rounded()
    #expect(output.sampleCount == Int(exact))
    #expect(output.channels[0].allSatisfy { $0.isFinite })
  }

  @Test("chunks of any size give the same samples")
  func chunks() throws {
    let sound = [
      Signal.sine(300, count: 20_000, rate: 44_100), Signal.sine(900, count: 20_000, rate: 44_100),
    ]
    let whole = try StreamResampler.resample(
      AudioClip(sampleRate: 44_100, channels: sound), to: 48_000)
    for size in [1, 999, 7_000] {
      let resampler = try StreamResampler(from: 44_100, to: 48_000, channels: 2)
      var result: [[Float]] = [[], []]
      for start in stride(from: 0, to: 20_000, by: size) {
        let end = min(start + size, 20_000)
        let part = try resampler.append(sound.map { Array($0[start..<end]) })
        for channel in 0..<2 { result[channel] += part[channel] }
      }
      let rest = try resampler.finish()
      for channel in 0..<2 { result[channel] += rest[channel] }
      #expect(result == whole.channels)
    }
  }

  @Test("a tone stays that tone, in place", arguments: [StreamResampler.Quality.high, .veryHigh])
  func tone(quality: StreamResampler.Quality) throws {
    let input = Signal.sine(1_000, count: 24_000, rate: 24_000)
    let output = try StreamResampler.resample(
      AudioClip(sampleRate: 24_000, channels: [input]), to: 48_000, quality: quality)
    let expected = Signal.sine(1_000, count: 48_000, rate: 48_000)
    // Away from the ends, where the filter sees the sound begin and stop.
    #expect(Signal.ratio(expected[4_000..<44_000], output.channels[0][4_000..<44_000]) > 90)
  }

  @Test("equal rates: the samples themselves")
  func equal() throws {
    let clip = AudioClip(sampleRate: 48_000, channels: [[1, 2, 3], [4, 5, 6]])
    #expect(try StreamResampler.resample(clip, to: 48_000) == clip)
  }

  @Test("rates and channels out of range, channels that differ")
  func refusals() throws {
    for (from, to, channels) in [
      (0, 48_000, 1), (48_000, 999, 1), (-1, 48_000, 1), (48_000, .max, 1), (48_000, 44_100, 0),
      (48_000, 44_100, 9),
    ] {
      #expect(throws: AudioIOError.self) {
        try StreamResampler(from: from, to: to, channels: channels)
      }
    }
    let resampler = try StreamResampler(from: 44_100, to: 48_000, channels: 2)
    #expect(throws: AudioIOError.self) { try resampler.append([[1]]) }
    #expect(throws: AudioIOError.self) { try resampler.append([[1], []]) }
  }
}
