extension DiffusionModel {
  /// What stands in for settings of the checkpoint's scheduler that are not computed here, a sentence
  /// each, for the scheduler that `request` runs with.
  public func schedulerWarnings(_ request: DiffusionRequest) -> [String] {
    (try? checkpoint.schedulers.plan(request.scheduler))?.substitutions ?? []
  }
}
