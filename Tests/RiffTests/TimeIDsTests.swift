import Diffusion
import Foundation
import Riff
import Spectrogram
import Testing

/// What a model is told of a piece besides words: the numbers themselves.
@Suite("Tempo, beat and key as numbers")
struct TimeIDsTests {
  private func told(
    _ prompt: String, bpm: Double? = nil, names: [String] = ["tempo", "beat", "key"]
  ) -> TimeIDs {
    var card = ModelCard()
    card.timeIDs = names
    return TimeIDs(card, count: 3, prompt: prompt, bpm: bpm)
  }

  /// A click every half second.
  private func grid(bpm: Double) throws -> BeatGrid {
    var values = [Float](repeating: 0, count: 8 * 500)
    for bin in 0..<8 {
      for column in stride(from: 10, to: 500, by: 25) { values[bin * 500 + column] = 1_000 }
    }
    let mel = try MelSpectrogram(channels: 1, bins: 8, frames: 500, values: values)
    let parameters = SpectrogramParameters(
      stepMilliseconds: 20, windowMilliseconds: 80, paddedMilliseconds: 160, melBins: 8)
    return try #require(BeatGrid(OnsetEnvelope(mel, parameters: parameters), bpm: bpm))
  }

  @Test(
    "the key that a prompt names",
    arguments: [
      ("piano in A minor", 22), ("in C major, slow", 1), ("F# major", 7), ("d minor waltz", 15),
      ("a lament in e flat minor", 16), ("B♭ major brass", 11), ("song in Bb minor", 23),
      ("C-sharp minor", 14), ("waltz (in G major:1.2)", 8), ("rock in Em, 120 bpm", 17),
      ("key of D", 3), ("in the key of E flat", 4), ("in a minor", 22), ("A minor, slow", 22),
      ("jazz in Cb major", 12), ("in F minor and then in C major", 18), ("G maj", 8),
    ])
  func keys(_ prompt: String, _ number: Int) {
    #expect(NamedKey(in: prompt)?.number == number)
  }

  @Test(
    "words that name none",
    arguments: [
      "", "in a minor key", "a minor detail", "A major hit", "a major label band", "H minor",
      "minor blues", "C, minor", "in C", "I am", "an FM synth", "B flat", "the key of a song",
      "A", "in the mood", "abc minor", "C##", "C## minor", "C sharp, minor",
    ])
  func noKeys(_ prompt: String) { #expect(NamedKey(in: prompt) == nil) }

  @Test("numbers are in the card's order, and 0 where nothing is known or the name is another")
  func order() {
    let prompt = "piano in A minor, 120 bpm"
    #expect(self.told(prompt).numbers(beats: 4.25) == [120, 90, 22])
    #expect(self.told(prompt, bpm: 90).numbers(beats: -0.25) == [90, 270, 22])
    #expect(
      self.told(prompt, names: ["key", "mood", "tempo"]).numbers(beats: 0.5) == [22, 0, 120])
    // A beat is one of a tempo.
    #expect(self.told("piano").numbers(beats: 0.5) == [0, 0, 0])
    // What is a little before a beat only by rounding is on it.
    #expect(self.told(prompt).numbers(beats: 7 - 1e-12) == [120, 0, 22])
    // A card that names another number of them than there are.
    #expect(self.told(prompt, names: ["tempo"]).numbers(beats: 0.5) == [])
    #expect(self.told(prompt, names: []).numbers(beats: 0.5) == [])
    #expect(!self.told(prompt, names: ["key", "x", "y"]).tellsBeats)
    #expect(self.told(prompt, names: ["x", "beat", "y"]).tellsBeats)
  }

  @Test("a window's place on a grid: its own tempo, one that was asked for, half and twice as fast")
  func grids() throws {
    let grid = try self.grid(bpm: 120)
    let place = grid.first + 3.125
    func numbers(_ prompt: String) -> [Double] {
      self.told(prompt).numbers(at: place, of: grid).map { ($0 * 1e6).rounded() / 1e6 }
    }
    #expect(numbers("drums") == [120, 90, 0])
    #expect(numbers("drums, 121 bpm") == [121, 90, 0])
    #expect(numbers("drums, 240 bpm") == [240, 180, 0])
    #expect(numbers("drums, 60 bpm") == [60, 45, 0])
    // Of another tempo nothing is known of the beat.
    #expect(numbers("drums, 100 bpm") == [100, 0, 0])
    // Without a grid the time begins on a beat.
    #expect(self.told("drums, 60 bpm").numbers(at: 1.25, of: nil) == [60, 90, 0])
    #expect(self.told("drums").numbers(at: 1.25, of: nil) == [0, 0, 0])
  }

  @Test("a jam's window: its first column on the beat of the piece's columns")
  func columns() {
    let told = self.told("drums, 120 bpm")
    let beats = Beats(origin: 5, period: 25)
    #expect(told.numbers(at: 130, of: beats) == [120, 0, 0])
    #expect(told.numbers(at: 135, of: beats) == [120, 72, 0])
    #expect(told.numbers(at: 0, of: beats) == [120, 288, 0])
    #expect(told.numbers(at: 40, of: nil) == [120, 0, 0])
  }

  @Test("on the way to another prompt the tempo lies between, and the key is the nearer one's")
  func toward() {
    let told = self.told("harp in C major, 100 bpm")
    let end = "drums in A minor, 140 bpm"
    #expect(told.toward(end, share: 0).numbers(beats: 0) == [100, 0, 1])
    #expect(told.toward(end, share: 0.25).numbers(beats: 0) == [110, 0, 1])
    #expect(told.toward(end, share: 0.75).numbers(beats: 0) == [130, 0, 22])
    #expect(told.toward("drums", share: 0.4).numbers(beats: 0) == [100, 0, 1])
    #expect(told.toward("drums", share: 0.6).numbers(beats: 0) == [0, 0, 0])
    let asked = self.told("harp, 100 bpm", bpm: 90)
    #expect(asked.toward(end, share: 0.75).numbers(beats: 0) == [90, 0, 22])
  }
}
