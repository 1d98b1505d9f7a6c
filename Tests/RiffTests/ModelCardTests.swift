import Riff
import Spectrogram
import Testing

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@Suite struct ModelCardTests {
  /// Reads a card from a folder that holds `json` as `riff.json`.
  private func read(_ json: String?) throws -> ModelCard {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "riff-card-\(UInt64.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    if let json { try Data(json.utf8).write(to: folder.appending(path: "riff.json")) }
    return try ModelCard.read(fromFolder: folder.path)
  }

  @Test func aFolderWithoutACardIsRiffusions() throws {
    let card = try self.read(nil)
    #expect(card.spectrogram.melBins == 512)
    #expect(card.spectrogram.stepMilliseconds == 10)
    #expect(card.maximum == 30e6)
    #expect(card.defaults.steps == nil)
  }

  @Test func aCardSaysWhatDiffers() throws {
    let card = try self.read(
      """
      {"description": "small", "spectrogram": {"step_ms": 20, "window_ms": 80, "mel_bins": 256,
       "maximum": 1e6}, "defaults": {"steps": 12, "guidance_scale": 3, "guidance_start": 0.25,
       "scheduler": "dpm++2m", "width": 256}, "more": [1]}
      """)
    #expect(card.description == "small")
    #expect(card.spectrogram.stepMilliseconds == 20)
    #expect(card.spectrogram.paddedMilliseconds == 400)
    #expect(card.maximum == 1e6)
    #expect(
      card.defaults
        == {
          var defaults = ModelCard.Defaults()
          defaults.steps = 12
          defaults.guidanceScale = 3
          defaults.guidanceStart = 0.25
          defaults.scheduler = "dpm++2m"
          defaults.width = 256
          return defaults
        }())
  }

  @Test func whatAModelIsTold() throws {
    let card = try self.read(
      #"{"time_ids": ["tempo", "beat", "key"], "trained_widths": [128, 256]}"#)
    #expect(card.warnings.isEmpty)
    #expect(card.trainedWidths == [128, 256])
    #expect(card.timeIDs(["key": 13, "tempo": 127.5, "mood": 4]) == [127.5, 0, 13])
    #expect(try self.read("{}").timeIDs(["tempo": 120]) == [])
  }

  @Test(arguments: [
    #"{"time_ids": ["tempo", "tempo"]}"#, #"{"time_ids": [3]}"#, #"{"trained_widths": [0]}"#,
    "", "[]", "{\"spectrogram\": 3}", "{\"spectrogram\": {\"step_ms\": 0}}",
    "{\"spectrogram\": {\"maximum\": -1}}", "{\"defaults\": {\"steps\": 0}}",
    "{\"defaults\": {\"guidance_start\": 0.6, \"guidance_stop\": 0.6}}",
    "{\"defaults\": {\"scheduler\": \"ddimm\"}}",
    "{\"defaults\": {\"guidance_stop\": 1.5}}", "{\"defaults\": {\"guidance_start\": -1}}",
    "{\"defaults\": {\"guidance_scale\": 1000}}", "{\"defaults\": {\"width\": 99999999999999}}",
  ])
  func aBadCardNamesTheFile(_ json: String) throws {
    let error = #expect(throws: JobError.self) { try self.read(json) }
    #expect(error?.kind == .failedPrecondition)
    #expect(error?.message.contains("riff.json") == true)
  }
}
