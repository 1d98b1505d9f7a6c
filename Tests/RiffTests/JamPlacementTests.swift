import Riff
import Testing

@Suite("Where a jam's changes are heard, and how it steps down")
struct JamPlacementTests {
  /// Columns of 20 ms; the listener hears column 100, and 400 are painted.
  private func placement(
    beat: Double?, read: Int = 145, full: Double = 0.3, least: Double = 0.1
  ) -> JamPlacement {
    JamPlacement(
      read: read, painted: 400, playhead: 100, step: 0.02,
      beats: beat.map { Beats(origin: 3, period: $0) }, fullSeconds: full, leastSeconds: least)
  }

  /// Until the sound before a column has been heard, but for 0.4 s.
  private func time(_ column: Int) -> Double { Double(column - 100) * 0.02 - 0.4 }

  @Test func onTheNextBeatThatLeavesTime() {
    // Beats at 153, 178, 203 …
    #expect(self.placement(beat: 25).column(self.time) == 153)
    // 178 lies beyond a second and a half (175): fewer steps on 153.
    #expect(self.placement(beat: 25, full: 0.9, least: 0.5).column(self.time) == 153)
    // Beats at 148, 153, … 173.
    #expect(self.placement(beat: 5, full: 0.9).column(self.time) == 168)
  }

  @Test func withoutABeatInTimeAtASecondAndAHalf() {
    // Beats at 103 and 203.
    #expect(self.placement(beat: 100).column(self.time) == 175)
    #expect(self.placement(beat: 100, full: 5, least: 0.1).column(self.time) == 175)
  }

  @Test func laterRatherThanWithoutSound() {
    // Not even the fewest steps are done before 178 … 203 is the first beat that leaves 1.5 s.
    #expect(self.placement(beat: 25, full: 5, least: 1.49).column(self.time) == 203)
    #expect(self.placement(beat: nil, full: 5, least: 1.49).column(self.time) == 195)
    // There is no such beat: as late as there is something to play.
    #expect(self.placement(beat: 25, full: 50, least: 15).column(self.time) == 399)
  }

  @Test func musicWithoutABeatAsSoonAsItIsPainted() {
    #expect(self.placement(beat: nil).column(self.time) == 145)
    #expect(self.placement(beat: nil, full: 0.69).column(self.time) == 155)
  }

  @Test func whatHasBeenReadStays() {
    for read in [0, 100, 174, 180, 398, 400] {
      let column = self.placement(beat: 25, read: read).column { _ in .infinity }
      #expect(column >= max(read, 1) && column <= 400)
    }
  }

  @Test func qualityStepsDownAtOnceAndUpAfterAWhile() {
    var quality = JamQuality()
    #expect(quality.note(.full, steps: (20, 20), at: 0) == nil)
    #expect(
      quality.note(.fewerSteps, steps: (8, of: 20), at: 1)
        == "there is no time for full quality: windows are painted in 8 of 20 steps")
    #expect(quality.note(.fewerSteps, steps: (6, of: 20), at: 2) == nil)
    #expect(
      quality.note(.draft, steps: (6, of: 20), at: 3)
        == "there is no time for full quality: windows are painted in 6 of 20 steps, and a third of "
        + "the work goes into the sound")
    // Time for more, then not: it stays as it is.
    #expect(quality.note(.full, steps: (20, of: 20), at: 4) == nil)
    #expect(quality.note(.draft, steps: (6, of: 20), at: 8) == nil)
    #expect(quality.note(.full, steps: (20, of: 20), at: 9) == nil)
    #expect(quality.note(.full, steps: (20, of: 20), at: 18) == nil)
    #expect(quality.level == .draft)
    #expect(
      quality.note(.full, steps: (20, of: 20), at: 9 + JamQuality.calm)
        == "there is time for full quality again")
    #expect(quality.level == .full)
  }
}
