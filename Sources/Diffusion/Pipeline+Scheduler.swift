extension Pipeline {
  /// The scheduler that the request names, or the checkpoint's own, its timesteps set.
  func scheduler(_ request: DiffusionRequest) throws(DiffusionError) -> any Scheduler {
    switch request.scheduler ?? checkpoint.info.defaultScheduler {
    case .ddim:
      try DDIMScheduler(
        checkpoint.schedulerSettings, schedule: checkpoint.noiseSchedule, steps: request.steps)
    }
  }
}
