/** Says in words whether the server answers. Its width is fixed, so nothing moves. */
import { IconCloudCheck, IconCloudOff } from "@tabler/icons-react";
import { useReach } from "../hall";

export function ReachBadge() {
  const online = useReach() === "online";
  const Icon = online ? IconCloudCheck : IconCloudOff;
  return (
    <span role="status" aria-label="Connection" className="reach" data-reach={online ? "online" : "offline"}>
      <Icon size={16} aria-hidden />
      {online ? "Online" : "Offline"}
    </span>
  );
}
