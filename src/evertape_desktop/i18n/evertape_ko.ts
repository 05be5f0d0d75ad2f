<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="ko">
<context>
    <name>AddCamera</name>
    <message>
        <source>Add a camera</source>
        <translation>카메라 추가</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>추가</translation>
    </message>
    <message>
        <source>TCP, inside the connection</source>
        <translation>TCP, 연결 안에서</translation>
    </message>
    <message>
        <source>URL</source>
        <translation>URL</translation>
    </message>
    <message>
        <source>The address of its stream, from the camera&apos;s manual; rtsp:// or rtsps://.</source>
        <translation>스트림의 주소입니다. 카메라 설명서에 있습니다. rtsp:// 또는 rtsps://.</translation>
    </message>
    <message>
        <source>User</source>
        <translation>사용자 이름</translation>
    </message>
    <message>
        <source>Password</source>
        <translation>비밀번호</translation>
    </message>
    <message>
        <source>Smaller stream</source>
        <translation>보조 스트림</translation>
    </message>
    <message>
        <source>none</source>
        <translation>없음</translation>
    </message>
    <message>
        <source>For small pictures; it is never recorded.</source>
        <translation>작은 화면용이며 녹화되지 않습니다.</translation>
    </message>
    <message>
        <source>Transport</source>
        <translation>전송 방식</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Front door</source>
        <translation>현관</translation>
    </message>
    <message>
        <source>Id</source>
        <translation>ID</translation>
    </message>
    <message>
        <source>Lower-case letters, digits, _ and -. For good: it names folders and files.</source>
        <translation>영문 소문자, 숫자, _와 -. 폴더와 파일 이름에 쓰이므로 바꿀 수 없습니다.</translation>
    </message>
    <message>
        <source>Record its sound too</source>
        <translation>소리도 녹화</translation>
    </message>
    <message>
        <source>Record it from the beginning</source>
        <translation>처음부터 녹화</translation>
    </message>
</context>
<context>
    <name>AddChannel</name>
    <message>
        <source>Add a channel</source>
        <translation>알림 방법 추가</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>추가</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>URL</source>
        <translation>URL</translation>
    </message>
    <message>
        <source>As Apprise writes it: mailto://…, tgram://…, json://… for a webhook. Never shown.</source>
        <translation>Apprise의 형식을 씁니다: mailto://…, tgram://…, 웹훅은 json://…. 표시되지 않습니다.</translation>
    </message>
    <message>
        <source>Is told</source>
        <translation>알릴 내용</translation>
    </message>
    <message>
        <source>Also when it is over</source>
        <translation>해제되었을 때도 알림</translation>
    </message>
</context>
<context>
    <name>AddVolume</name>
    <message>
        <source>Add a volume</source>
        <translation>볼륨 추가</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>추가</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Lower-case letters, digits, _ and -.</source>
        <translation>영문 소문자, 숫자, _와 -.</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>폴더</translation>
    </message>
    <message>
        <source>A mounted disk, or a folder on one, on the machine of the recorder.</source>
        <translation>녹화기가 있는 컴퓨터의 마운트된 디스크 또는 그 안의 폴더입니다.</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>선택…</translation>
    </message>
    <message>
        <source>Used as</source>
        <translation>용도</translation>
    </message>
    <message>
        <source>Use it although it is on the system&apos;s own disk</source>
        <translation>시스템 디스크에 있더라도 사용</translation>
    </message>
</context>
<context>
    <name>AdvancedPage</name>
    <message>
        <source>Advanced</source>
        <translation>고급</translation>
    </message>
    <message>
        <source>What hardly anybody has to change.</source>
        <translation>바꿀 일이 거의 없는 것들입니다.</translation>
    </message>
    <message>
        <source>Switch within one pipeline (input-selector)</source>
        <translation>한 파이프라인 안에서 전환 (input-selector)</translation>
    </message>
    <message>
        <source>GStreamer&apos;s fallbacksrc</source>
        <translation>GStreamer의 fallbacksrc</translation>
    </message>
    <message>
        <source>Make another pipeline (restart)</source>
        <translation>다른 파이프라인을 만듦 (restart)</translation>
    </message>
    <message>
        <source>Processes of the recorder</source>
        <translation>녹화기의 프로세스</translation>
    </message>
    <message>
        <source>Page and API (this window needs them)</source>
        <translation>웹 화면과 API (이 창에 필요함)</translation>
    </message>
    <message>
        <source>Most memory of one</source>
        <translation>프로세스당 최대 메모리</translation>
    </message>
    <message>
        <source>Frames on their way</source>
        <translation>프레임의 흐름</translation>
    </message>
    <message>
        <source>Collected every</source>
        <translation>모으는 간격</translation>
    </message>
    <message>
        <source>While somebody watches, every</source>
        <translation>보는 사람이 있을 때의 간격</translation>
    </message>
    <message>
        <source>Views of the recorder</source>
        <translation>녹화기의 뷰</translation>
    </message>
    <message>
        <source>While a camera is away</source>
        <translation>카메라가 없는 동안</translation>
    </message>
    <message>
        <source>Decoder</source>
        <translation>디코더</translation>
    </message>
    <message>
        <source>Opened anew after</source>
        <translation>다시 열기까지</translation>
    </message>
    <message>
        <source>Wait after a failure</source>
        <translation>실패 뒤 대기</translation>
    </message>
    <message>
        <source>Ways of noticing that a volume is gone</source>
        <translation>볼륨이 없어진 것을 알아채는 방법</translation>
    </message>
    <message>
        <source>News of the kernel</source>
        <translation>커널의 알림</translation>
    </message>
    <message>
        <source>Writing to it now and then</source>
        <translation>가끔 써 보기</translation>
    </message>
    <message>
        <source>A look before each new file</source>
        <translation>새 파일마다 먼저 확인</translation>
    </message>
    <message>
        <source>Errors of writes</source>
        <translation>쓰기 오류</translation>
    </message>
    <message>
        <source>The free space</source>
        <translation>남은 공간</translation>
    </message>
    <message>
        <source>Switch one off only to test the others.</source>
        <translation>나머지를 시험할 때만 끄십시오.</translation>
    </message>
    <message>
        <source>Checking that pictures come out</source>
        <translation>화면이 나오는지 확인</translation>
    </message>
    <message>
        <source>Decode a sample of what is checked</source>
        <translation>검사하는 것의 표본을 디코딩</translation>
    </message>
    <message>
        <source>At most every</source>
        <translation>최소 간격</translation>
    </message>
</context>
<context>
    <name>AlertsPage</name>
    <message>
        <source>Alerts</source>
        <translation>경보</translation>
    </message>
    <message>
        <source>Channel</source>
        <translation>알림 방법</translation>
    </message>
    <message>
        <source>To</source>
        <translation>받는 곳</translation>
    </message>
    <message>
        <source>Is told</source>
        <translation>알릴 내용</translation>
    </message>
    <message>
        <source>Last message</source>
        <translation>마지막 메시지</translation>
    </message>
    <message>
        <source>Channels: ways to tell people</source>
        <translation>알림 방법: 사람들에게 알리는 방법</translation>
    </message>
    <message>
        <source>Add…</source>
        <translation>추가…</translation>
    </message>
    <message>
        <source>Remove…</source>
        <translation>제거…</translation>
    </message>
    <message>
        <source>Test</source>
        <translation>시험</translation>
    </message>
    <message>
        <source>Send a message by this channel</source>
        <translation>이 알림 방법으로 메시지를 보냅니다</translation>
    </message>
    <message>
        <source>Test all</source>
        <translation>모두 시험</translation>
    </message>
    <message>
        <source>Everything</source>
        <translation>모두</translation>
    </message>
    <message>
        <source>Only what is critical</source>
        <translation>심각한 것만</translation>
    </message>
    <message>
        <source>The channel</source>
        <translation>알림 방법</translation>
    </message>
    <message>
        <source>URL</source>
        <translation>URL</translation>
    </message>
    <message>
        <source>As Apprise writes it: mailto://…, tgram://…, json://… for a webhook. Never shown.</source>
        <translation>Apprise의 형식을 씁니다: mailto://…, tgram://…, 웹훅은 json://…. 표시되지 않습니다.</translation>
    </message>
    <message>
        <source>Also when it is over</source>
        <translation>해제되었을 때도 알림</translation>
    </message>
    <message>
        <source>When people sleep</source>
        <translation>사람들이 자는 시간</translation>
    </message>
    <message>
        <source>Quiet hours</source>
        <translation>방해 금지 시간</translation>
    </message>
    <message>
        <source>none, or like 22:00-06:30</source>
        <translation>없음, 또는 예: 22:00-06:30</translation>
    </message>
    <message>
        <source>Then not even what is critical</source>
        <translation>심각한 것도 알리지 않음</translation>
    </message>
    <message>
        <source>What is told</source>
        <translation>알리는 내용</translation>
    </message>
    <message>
        <source>In one message what begins within</source>
        <translation>한 메시지로 묶는 시간</translation>
    </message>
    <message>
        <source>Warn when a volume holds less than</source>
        <translation>볼륨에 담기는 기간이 이보다 짧으면 경고</translation>
    </message>
    <message>
        <source>days</source>
        <translation>일</translation>
    </message>
    <message>
        <source>Heartbeat</source>
        <translation>생존 신호</translation>
    </message>
    <message>
        <source>none</source>
        <translation>없음</translation>
    </message>
    <message>
        <source>Fetched every</source>
        <translation>불러오는 간격</translation>
    </message>
    <message>
        <source>MQTT and home automation</source>
        <translation>MQTT와 홈 자동화</translation>
    </message>
    <message>
        <source>Broker</source>
        <translation>브로커</translation>
    </message>
    <message>
        <source>none, or HOST:PORT</source>
        <translation>없음, 또는 HOST:PORT</translation>
    </message>
    <message>
        <source>User</source>
        <translation>사용자 이름</translation>
    </message>
    <message>
        <source>Password</source>
        <translation>비밀번호</translation>
    </message>
    <message>
        <source>Speak TLS with it</source>
        <translation>TLS로 통신</translation>
    </message>
    <message>
        <source>First level of all topics</source>
        <translation>모든 토픽의 첫 단계</translation>
    </message>
    <message>
        <source>Let Home Assistant find everything</source>
        <translation>Home Assistant가 모두 찾게 함</translation>
    </message>
    <message>
        <source>Where Home Assistant listens</source>
        <translation>Home Assistant의 검색 토픽</translation>
    </message>
    <message>
        <source>arrived, or there was none</source>
        <translation>도착했거나 아직 없음</translation>
    </message>
    <message>
        <source>{0} wait</source>
        <translation>{0}개 대기 중</translation>
    </message>
    <message>
        <source>Remove the channel “{0}”?</source>
        <translation>알림 방법 “{0}”을(를) 제거할까요?</translation>
    </message>
    <message>
        <source>Nothing is told there any more.</source>
        <translation>더 이상 그곳으로 알리지 않습니다.</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>제거</translation>
    </message>
    <message>
        <source>Sending; this takes up to 30 seconds …</source>
        <translation>보내는 중입니다. 30초까지 걸립니다 …</translation>
    </message>
    <message>
        <source>✓ {0}: sent</source>
        <translation>✓ {0}: 보냈습니다</translation>
    </message>
</context>
<context>
    <name>AppearancePage</name>
    <message>
        <source>Appearance</source>
        <translation>모양</translation>
    </message>
    <message>
        <source>Of this window, on this machine.</source>
        <translation>이 컴퓨터의 이 창에 관한 것입니다.</translation>
    </message>
    <message>
        <source>As the system</source>
        <translation>시스템 설정대로</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>밝게</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>어둡게</translation>
    </message>
    <message>
        <source>Looks</source>
        <translation>겉모습</translation>
    </message>
    <message>
        <source>Theme</source>
        <translation>테마</translation>
    </message>
    <message>
        <source>Seen at once.</source>
        <translation>바로 보입니다.</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>언어</translation>
    </message>
    <message>
        <source>Takes effect when the window is opened the next time.</source>
        <translation>창을 다음에 열 때 적용됩니다.</translation>
    </message>
    <message>
        <source>Over the pictures</source>
        <translation>화면 위 표시</translation>
    </message>
    <message>
        <source>Show the time over each picture</source>
        <translation>각 화면에 시각 표시</translation>
    </message>
    <message>
        <source>Tray</source>
        <translation>트레이</translation>
    </message>
    <message>
        <source>Show a mark in the tray</source>
        <translation>트레이에 표시</translation>
    </message>
    <message>
        <source>It tells of trouble also while the window is hidden.</source>
        <translation>창이 숨겨져 있어도 문제를 알립니다.</translation>
    </message>
    <message>
        <source>At the start</source>
        <translation>시작할 때</translation>
    </message>
    <message>
        <source>Begin in full screen</source>
        <translation>전체 화면으로 시작</translation>
    </message>
</context>
<context>
    <name>AskPassword</name>
    <message>
        <source>My password</source>
        <translation>내 비밀번호</translation>
    </message>
    <message>
        <source>Change</source>
        <translation>변경</translation>
    </message>
    <message>
        <source>The old one</source>
        <translation>현재 비밀번호</translation>
    </message>
    <message>
        <source>At least {0} characters.</source>
        <translation>{0}자 이상.</translation>
    </message>
    <message>
        <source>The new one</source>
        <translation>새 비밀번호</translation>
    </message>
</context>
<context>
    <name>AskToken</name>
    <message>
        <source>Add a token</source>
        <translation>토큰 추가</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>추가</translation>
    </message>
    <message>
        <source>What it is for</source>
        <translation>용도</translation>
    </message>
    <message>
        <source>It may no more than you, and is shown once.</source>
        <translation>내 권한을 넘지 못하며, 한 번만 표시됩니다.</translation>
    </message>
    <message>
        <source>Role</source>
        <translation>역할</translation>
    </message>
</context>
<context>
    <name>AskUser</name>
    <message>
        <source>Add an account</source>
        <translation>계정 추가</translation>
    </message>
    <message>
        <source>Change “{0}”</source>
        <translation>“{0}” 변경</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>추가</translation>
    </message>
    <message>
        <source>Change</source>
        <translation>변경</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Role</source>
        <translation>역할</translation>
    </message>
    <message>
        <source>At least {0} characters.</source>
        <translation>{0}자 이상.</translation>
    </message>
    <message>
        <source>Leave it empty to keep the one it has; a new one ends its sessions.</source>
        <translation>비워 두면 지금 비밀번호를 유지합니다. 새 비밀번호로 바꾸면 그 세션들이 끝납니다.</translation>
    </message>
    <message>
        <source>Password</source>
        <translation>비밀번호</translation>
    </message>
</context>
<context>
    <name>BackupDialog</name>
    <message>
        <source>Back up</source>
        <translation>백업</translation>
    </message>
    <message>
        <source>Copy and compare</source>
        <translation>복사하고 비교</translation>
    </message>
    <message>
        <source>{0} files ({1}) lie in {2}.</source>
        <translation>파일 {0}개({1})를 {2}에 복사했습니다.</translation>
    </message>
    <message>
        <source>{0} of them are what the recorder wrote, by its hash.</source>
        <translation>그중 {0}개는 해시로 녹화기가 기록한 그대로임을 확인했습니다.</translation>
    </message>
    <message>
        <source>{0} read back as they came; the recorder has no hash yet.</source>
        <translation>{0}개는 받은 그대로 다시 읽혔습니다. 녹화기에 아직 해시가 없습니다.</translation>
    </message>
    <message>
        <source>{0} are being written and were left out.</source>
        <translation>{0}개는 기록 중이므로 제외했습니다.</translation>
    </message>
    <message>
        <source>{0} could not be copied:</source>
        <translation>{0}개를 복사할 수 없었습니다:</translation>
    </message>
</context>
<context>
    <name>BackupPage</name>
    <message>
        <source>Backup</source>
        <translation>백업</translation>
    </message>
    <message>
        <source>Footage is not in these files; the panel “Playback” exports and copies footage.</source>
        <translation>영상은 이 파일들에 없습니다. 영상은 “재생” 패널에서 내보내고 복사합니다.</translation>
    </message>
    <message>
        <source>Progress of the backup</source>
        <translation>백업 진행 상황</translation>
    </message>
    <message>
        <source>Save backup…</source>
        <translation>백업 저장…</translation>
    </message>
    <message>
        <source>With the index, which can be made again</source>
        <translation>다시 만들 수 있는 색인도 포함</translation>
    </message>
    <message>
        <source>The recorder is not on this machine. There, “evertape backup FILE” writes everything to one file.</source>
        <translation>녹화기가 이 컴퓨터에 없습니다. 그곳에서 “evertape backup FILE”이 모두 한 파일에 씁니다.</translation>
    </message>
    <message>
        <source>Configuration, journal, ledger, keys and accounts in one file, which “evertape restore” puts back. It holds the passwords of the cameras: keep it where nobody else reads it.</source>
        <translation>설정, 저널, 기록부, 키, 계정을 한 파일에 담으며 “evertape restore”로 되돌립니다. 카메라의 비밀번호가 들어 있으므로 다른 사람이 읽지 못하는 곳에 두십시오.</translation>
    </message>
    <message>
        <source>The recorder</source>
        <translation>녹화기</translation>
    </message>
    <message>
        <source>Save configuration…</source>
        <translation>설정 저장…</translation>
    </message>
    <message>
        <source>All keys with their values, as JSON, to be read or compared. Passwords are masked.</source>
        <translation>모든 키와 값을 읽거나 비교할 수 있게 JSON으로 씁니다. 비밀번호는 가려집니다.</translation>
    </message>
    <message>
        <source>The recorder&apos;s configuration</source>
        <translation>녹화기의 설정</translation>
    </message>
    <message>
        <source>Save settings…</source>
        <translation>창 설정 저장…</translation>
    </message>
    <message>
        <source>Load settings…</source>
        <translation>창 설정 불러오기…</translation>
    </message>
    <message>
        <source>Layout, hot keys and looks of this window, as on the pages here.</source>
        <translation>여기의 페이지들에 있는 이 창의 배치, 단축키, 겉모습입니다.</translation>
    </message>
    <message>
        <source>This window</source>
        <translation>이 창</translation>
    </message>
    <message>
        <source>Save as</source>
        <translation>다른 이름으로 저장</translation>
    </message>
    <message>
        <source>Backups (*.tar.gz)</source>
        <translation>백업 (*.tar.gz)</translation>
    </message>
    <message>
        <source>Load settings</source>
        <translation>창 설정 불러오기</translation>
    </message>
    <message>
        <source>✓ {0} holds everything but the footage, and passwords; only you can read it.</source>
        <translation>✓ {0}에 영상을 뺀 모든 것과 비밀번호가 들어 있습니다. 본인만 읽을 수 있습니다.</translation>
    </message>
    <message>
        <source>✓ {0} is written.</source>
        <translation>✓ {0}을(를) 썼습니다.</translation>
    </message>
    <message>
        <source>{0} settings differ from what is set; Apply takes them over.</source>
        <translation>{0}개 설정이 지금과 다릅니다. “적용”하면 바뀝니다.</translation>
    </message>
    <message>
        <source>Everything is set like that already.</source>
        <translation>모두 이미 그렇게 설정되어 있습니다.</translation>
    </message>
</context>
<context>
    <name>CameraDeeds</name>
    <message>
        <source>Grid</source>
        <translation>격자</translation>
    </message>
    <message>
        <source>Save picture…</source>
        <translation>스냅샷 저장…</translation>
    </message>
    <message>
        <source>Record</source>
        <translation>녹화</translation>
    </message>
    <message>
        <source>Connect anew</source>
        <translation>다시 연결</translation>
    </message>
    <message>
        <source>Properties…</source>
        <translation>속성…</translation>
    </message>
    <message>
        <source>Stop recording</source>
        <translation>녹화 중지</translation>
    </message>
    <message>
        <source>Save picture</source>
        <translation>스냅샷 저장</translation>
    </message>
    <message>
        <source>Pictures (*.jpg)</source>
        <translation>그림 (*.jpg)</translation>
    </message>
</context>
<context>
    <name>CameraList</name>
    <message>
        <source>Filter</source>
        <translation>걸러 보기</translation>
    </message>
    <message>
        <source>Filter cameras by name or state</source>
        <translation>이름이나 상태로 카메라 걸러 보기</translation>
    </message>
    <message>
        <source>Cameras</source>
        <translation>카메라</translation>
    </message>
</context>
<context>
    <name>CameraModel</name>
    <message>
        <source>{0:.2f} % of the last 24 hours recorded</source>
        <translation>지난 24시간의 {0:.2f} % 녹화됨</translation>
    </message>
</context>
<context>
    <name>CameraProperties</name>
    <message>
        <source>State</source>
        <translation>상태</translation>
    </message>
    <message>
        <source>Disk</source>
        <translation>디스크</translation>
    </message>
    <message>
        <source>File</source>
        <translation>파일</translation>
    </message>
    <message>
        <source>Recorded</source>
        <translation>녹화 시간</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>크기</translation>
    </message>
    <message>
        <source>Waiting in memory</source>
        <translation>메모리에서 대기</translation>
    </message>
    <message>
        <source>Last 24 hours</source>
        <translation>지난 24시간</translation>
    </message>
    <message>
        <source>Recording</source>
        <translation>녹화</translation>
    </message>
    <message>
        <source>{0}: properties</source>
        <translation>{0}: 속성</translation>
    </message>
    <message>
        <source>Main stream</source>
        <translation>기본 스트림</translation>
    </message>
    <message>
        <source>Smaller stream</source>
        <translation>보조 스트림</translation>
    </message>
    <message>
        <source>Since</source>
        <translation>시작 시각</translation>
    </message>
    <message>
        <source>Picture</source>
        <translation>화면</translation>
    </message>
    <message>
        <source>Data rate</source>
        <translation>데이터 전송률</translation>
    </message>
    <message>
        <source>Keyframe every</source>
        <translation>키프레임 간격</translation>
    </message>
    <message>
        <source>Sound</source>
        <translation>소리</translation>
    </message>
    <message>
        <source>Viewers</source>
        <translation>보는 곳</translation>
    </message>
    <message>
        <source>{0} pictures/s</source>
        <translation>초당 {0}프레임</translation>
    </message>
    <message>
        <source>{0:.2f} s</source>
        <translation>{0:.2f}초</translation>
    </message>
    <message>
        <source>none</source>
        <translation>없음</translation>
    </message>
    <message>
        <source>{0:.2f} % recorded, gaps: {1}</source>
        <translation>{0:.2f} % 녹화됨, 공백 {1}건</translation>
    </message>
</context>
<context>
    <name>CamerasPage</name>
    <message>
        <source>Cameras</source>
        <translation>카메라</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Id</source>
        <translation>ID</translation>
    </message>
    <message>
        <source>Connection</source>
        <translation>연결</translation>
    </message>
    <message>
        <source>Recording</source>
        <translation>녹화</translation>
    </message>
    <message>
        <source>Cameras, in the order in which they are shown</source>
        <translation>표시되는 순서의 카메라</translation>
    </message>
    <message>
        <source>Add…</source>
        <translation>추가…</translation>
    </message>
    <message>
        <source>Remove…</source>
        <translation>제거…</translation>
    </message>
    <message>
        <source>Up</source>
        <translation>위로</translation>
    </message>
    <message>
        <source>Show it earlier in this window</source>
        <translation>이 창에서 더 앞에 표시</translation>
    </message>
    <message>
        <source>Down</source>
        <translation>아래로</translation>
    </message>
    <message>
        <source>Show it later in this window</source>
        <translation>이 창에서 더 뒤에 표시</translation>
    </message>
    <message>
        <source>as for all</source>
        <translation>공통 설정</translation>
    </message>
    <message>
        <source>TCP, inside the connection</source>
        <translation>TCP, 연결 안에서</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>자동</translation>
    </message>
    <message>
        <source>Evertape&apos;s own (direct)</source>
        <translation>Evertape의 것 (direct)</translation>
    </message>
    <message>
        <source>GStreamer&apos;s (rtspsrc)</source>
        <translation>GStreamer의 것 (rtspsrc)</translation>
    </message>
    <message>
        <source>The camera</source>
        <translation>카메라</translation>
    </message>
    <message>
        <source>In use</source>
        <translation>사용</translation>
    </message>
    <message>
        <source>Record without being told to</source>
        <translation>따로 지시하지 않아도 녹화</translation>
    </message>
    <message>
        <source>Schedule</source>
        <translation>예약</translation>
    </message>
    <message>
        <source>Time zone of the schedule</source>
        <translation>예약의 시간대</translation>
    </message>
    <message>
        <source>Record its sound too</source>
        <translation>소리도 녹화</translation>
    </message>
    <message>
        <source>Where it is</source>
        <translation>위치</translation>
    </message>
    <message>
        <source>URL</source>
        <translation>URL</translation>
    </message>
    <message>
        <source>Smaller stream</source>
        <translation>보조 스트림</translation>
    </message>
    <message>
        <source>none</source>
        <translation>없음</translation>
    </message>
    <message>
        <source>User</source>
        <translation>사용자 이름</translation>
    </message>
    <message>
        <source>none, or in the URL</source>
        <translation>없음, 또는 URL 안에</translation>
    </message>
    <message>
        <source>Password</source>
        <translation>비밀번호</translation>
    </message>
    <message>
        <source>none, or elsewhere</source>
        <translation>없음, 또는 다른 곳에</translation>
    </message>
    <message>
        <source>Never shown. What is typed here replaces the one it has.</source>
        <translation>표시되지 않습니다. 여기에 입력하면 지금 것을 대신합니다.</translation>
    </message>
    <message>
        <source>Or the file it is in</source>
        <translation>또는 비밀번호가 든 파일</translation>
    </message>
    <message>
        <source>Or the variable it is in</source>
        <translation>또는 비밀번호가 든 환경 변수</translation>
    </message>
    <message>
        <source>Transport</source>
        <translation>전송 방식</translation>
    </message>
    <message>
        <source>Check its certificate (rtsps)</source>
        <translation>인증서 확인 (rtsps)</translation>
    </message>
    <message>
        <source>Receiving</source>
        <translation>수신</translation>
    </message>
    <message>
        <source>Receiver</source>
        <translation>수신기</translation>
    </message>
    <message>
        <source>Latency</source>
        <translation>지연</translation>
    </message>
    <message>
        <source>Keep the session alive every</source>
        <translation>세션 유지 간격</translation>
    </message>
    <message>
        <source>Longest wait for an answer</source>
        <translation>응답 최대 대기 시간</translation>
    </message>
    <message>
        <source>Silence that counts as stalled</source>
        <translation>멈춤으로 보는 무응답 시간</translation>
    </message>
    <message>
        <source>Wait after the first failure</source>
        <translation>첫 실패 뒤 대기</translation>
    </message>
    <message>
        <source>Longest wait</source>
        <translation>최대 대기 시간</translation>
    </message>
    <message>
        <source>Longer each time by</source>
        <translation>매번 길어지는 배수</translation>
    </message>
    <message>
        <source>Choose each wait at random</source>
        <translation>대기 시간을 무작위로 정함</translation>
    </message>
    <message>
        <source>Attempts until shown as disconnected</source>
        <translation>연결 끊김으로 표시할 때까지의 시도 횟수</translation>
    </message>
    <message>
        <source>Stop trying then</source>
        <translation>그 뒤에는 시도하지 않음</translation>
    </message>
    <message>
        <source>Files and footage</source>
        <translation>파일과 영상</translation>
    </message>
    <message>
        <source>Length of a file</source>
        <translation>파일 길이</translation>
    </message>
    <message>
        <source>Largest size of a file</source>
        <translation>파일 최대 크기</translation>
    </message>
    <message>
        <source>Oldest footage</source>
        <translation>최대 보존 기간</translation>
    </message>
    <message>
        <source>Not deleted while younger than</source>
        <translation>최소 보존 기간</translation>
    </message>
    <message>
        <source>Most footage</source>
        <translation>최대 용량</translation>
    </message>
    <message>
        <source>It is no longer received or recorded. Its footage stays, and can still be watched and exported, until the rules of retention delete it.</source>
        <translation>더 이상 수신하거나 녹화하지 않습니다. 영상은 남으며, 보존 규칙이 삭제할 때까지 계속 보고 내보낼 수 있습니다.</translation>
    </message>
    <message>
        <source>Remove the camera “{0}”?</source>
        <translation>카메라 “{0}”을(를) 제거할까요?</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>제거</translation>
    </message>
    <message>
        <source>The password in it is masked: write it out, or take it out and use the fields below.</source>
        <translation>URL의 비밀번호가 가려져 있습니다. 다시 적거나, 지우고 아래 칸을 쓰십시오.</translation>
    </message>
</context>
<context>
    <name>Choosing</name>
    <message>
        <source>Cameras to play</source>
        <translation>재생할 카메라</translation>
    </message>
    <message>
        <source>From</source>
        <translation>시작</translation>
    </message>
    <message>
        <source>To</source>
        <translation>끝</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>보기</translation>
    </message>
</context>
<context>
    <name>Controls</name>
    <message>
        <source>Time shown</source>
        <translation>표시 시각</translation>
    </message>
    <message>
        <source>Rate</source>
        <translation>속도</translation>
    </message>
</context>
<context>
    <name>DeleteDialog</name>
    <message>
        <source>Delete footage</source>
        <translation>영상 삭제</translation>
    </message>
    <message>
        <source>Delete for good</source>
        <translation>영구 삭제</translation>
    </message>
    <message>
        <source>Looking what there is …</source>
        <translation>확인하는 중 …</translation>
    </message>
    <message>
        <source>Also the {0} files that reach beyond the selection</source>
        <translation>선택 구간을 벗어나는 파일 {0}개도 포함</translation>
    </message>
    <message>
        <source>{0} files ({1}) would be deleted.</source>
        <translation>파일 {0}개({1})가 삭제됩니다.</translation>
    </message>
    <message>
        <source>{0} stay, because they are protected.</source>
        <translation>{0}개는 보호되어 있어 남습니다.</translation>
    </message>
    <message>
        <source>{0} stay, because they are being written.</source>
        <translation>{0}개는 기록 중이어서 남습니다.</translation>
    </message>
    <message>
        <source>{0} files ({1}) are deleted.</source>
        <translation>파일 {0}개({1})를 삭제했습니다.</translation>
    </message>
    <message>
        <source>{0} stayed; the recorder&apos;s log says why.</source>
        <translation>{0}개는 남았습니다. 이유는 녹화기의 로그에 있습니다.</translation>
    </message>
</context>
<context>
    <name>Draft</name>
    <message>
        <source>Only an administrator may see and change these settings of the recorder.</source>
        <translation>녹화기의 이 설정은 관리자만 보고 바꿀 수 있습니다.</translation>
    </message>
    <message>
        <source>These settings cannot be read now: {0}</source>
        <translation>지금은 이 설정을 읽을 수 없습니다: {0}</translation>
    </message>
</context>
<context>
    <name>ExportDialog</name>
    <message>
        <source>Export</source>
        <translation>내보내기</translation>
    </message>
    <message>
        <source>With what proves that it was not changed since (a .zip)</source>
        <translation>변경되지 않았음을 증명하는 해시와 서명 포함 (.zip)</translation>
    </message>
    <message>
        <source>Go on at once where footage is missing</source>
        <translation>영상이 없는 구간은 건너뛰고 바로 이어 붙이기</translation>
    </message>
    <message>
        <source>Leave out what lies on volumes that are away</source>
        <translation>지금 쓸 수 없는 볼륨의 영상은 제외</translation>
    </message>
    <message>
        <source>Films (*.mp4 *.zip)</source>
        <translation>동영상 (*.mp4 *.zip)</translation>
    </message>
    <message>
        <source>{0} ({1}), read back and compared; its hash lies beside it.</source>
        <translation>{0} ({1}): 다시 읽어 비교했으며, 해시를 옆에 저장했습니다.</translation>
    </message>
</context>
<context>
    <name>FootageCalendar</name>
    <message>
        <source>Days with footage</source>
        <translation>영상이 있는 날</translation>
    </message>
</context>
<context>
    <name>FootageDeeds</name>
    <message>
        <source>There is no picture to save</source>
        <translation>저장할 화면이 없습니다</translation>
    </message>
    <message>
        <source>Save the picture</source>
        <translation>스냅샷 저장</translation>
    </message>
    <message>
        <source>PNG (*.png)</source>
        <translation>PNG (*.png)</translation>
    </message>
    <message>
        <source>JPEG (*.jpg)</source>
        <translation>JPEG (*.jpg)</translation>
    </message>
    <message>
        <source>Saved: {0} ({1}×{2})</source>
        <translation>저장했습니다: {0} ({1}×{2})</translation>
    </message>
    <message>
        <source>Select a time first: drag over the time line with Shift, or press I and O</source>
        <translation>먼저 구간을 선택하십시오. Shift를 누른 채 타임라인을 끌거나, I와 O를 누르십시오</translation>
    </message>
</context>
<context>
    <name>HotKeysPage</name>
    <message>
        <source>Hot keys</source>
        <translation>단축키</translation>
    </message>
    <message>
        <source>Click into a field and press the keys; Backspace takes them away.</source>
        <translation>칸을 누르고 키를 누르십시오. Backspace로 지웁니다.</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>찾기</translation>
    </message>
    <message>
        <source>Search for a hot key</source>
        <translation>단축키 찾기</translation>
    </message>
    <message>
        <source>Reset all</source>
        <translation>모두 되돌리기</translation>
    </message>
    <message>
        <source>{0} has more than one meaning: {1}</source>
        <translation>{0}에 뜻이 둘 이상 있습니다: {1}</translation>
    </message>
</context>
<context>
    <name>ImportPage</name>
    <message>
        <source>Import</source>
        <translation>가져오기</translation>
    </message>
    <message>
        <source>Cameras, logins, rotation, retention, layout and keys of the recorder with IT_RNVR.db. Its database is only read, and nothing that is set here is overwritten.</source>
        <translation>IT_RNVR.db를 쓰는 녹화기의 카메라, 로그인, 파일 길이, 보존, 배치, 단축키를 가져옵니다. 데이터베이스는 읽기만 하며, 여기에 설정된 것은 덮어쓰지 않습니다.</translation>
    </message>
    <message>
        <source>The database</source>
        <translation>데이터베이스</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>선택…</translation>
    </message>
    <message>
        <source>Preview</source>
        <translation>미리 보기</translation>
    </message>
    <message>
        <source>Record to its disk also if that is the system&apos;s own</source>
        <translation>시스템 디스크여도 그 디스크에 녹화</translation>
    </message>
    <message>
        <source>Take over</source>
        <translation>가져오기</translation>
    </message>
    <message>
        <source>What becomes of each thing</source>
        <translation>항목별 처리</translation>
    </message>
    <message>
        <source>There</source>
        <translation>원래 위치</translation>
    </message>
    <message>
        <source>Value</source>
        <translation>값</translation>
    </message>
    <message>
        <source>What becomes of it</source>
        <translation>처리</translation>
    </message>
    <message>
        <source>Here</source>
        <translation>여기</translation>
    </message>
    <message>
        <source>Remark</source>
        <translation>비고</translation>
    </message>
    <message>
        <source>Only for a recorder on this machine; there, “evertape import FILE” does it.</source>
        <translation>녹화기가 이 컴퓨터에 있을 때만 됩니다. 그곳에서 “evertape import FILE”이 같은 일을 합니다.</translation>
    </message>
    <message>
        <source>Looking …</source>
        <translation>살펴보는 중 …</translation>
    </message>
    <message>
        <source>{0}: {1} things can be taken over, {2} cameras among them.</source>
        <translation>{0}: {1}개 항목을 가져올 수 있습니다(카메라 {2}대 포함).</translation>
    </message>
    <message>
        <source>✓ is taken over</source>
        <translation>✓ 가져옴</translation>
    </message>
    <message>
        <source>is so already</source>
        <translation>이미 같음</translation>
    </message>
    <message>
        <source>stays as it is here</source>
        <translation>여기 설정을 유지</translation>
    </message>
    <message>
        <source>✗ is not taken over</source>
        <translation>✗ 가져오지 않음</translation>
    </message>
    <message>
        <source>needs no setting</source>
        <translation>설정이 필요 없음</translation>
    </message>
    <message>
        <source>? nobody knows what it means</source>
        <translation>? 뜻을 알 수 없음</translation>
    </message>
    <message>
        <source>✓ {0} cameras and {1} settings are taken over.</source>
        <translation>✓ 카메라 {0}대와 설정 {1}개를 가져왔습니다.</translation>
    </message>
    <message>
        <source>Its recordings can be taken in too, with the service stopped:</source>
        <translation>서비스를 멈춘 상태에서 그 녹화 영상도 가져올 수 있습니다:</translation>
    </message>
</context>
<context>
    <name>Legend</name>
    <message>
        <source>What the colours mean: {0}</source>
        <translation>색의 뜻: {0}</translation>
    </message>
</context>
<context>
    <name>LogBar</name>
    <message>
        <source>All cameras</source>
        <translation>모든 카메라</translation>
    </message>
    <message>
        <source>At least as grave as</source>
        <translation>최소 심각도</translation>
    </message>
    <message>
        <source>Everything</source>
        <translation>모두</translation>
    </message>
    <message>
        <source>Information</source>
        <translation>정보</translation>
    </message>
    <message>
        <source>Warnings</source>
        <translation>경고</translation>
    </message>
    <message>
        <source>Errors</source>
        <translation>오류</translation>
    </message>
    <message>
        <source>Camera</source>
        <translation>카메라</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>찾기</translation>
    </message>
    <message>
        <source>Live</source>
        <translation>실시간</translation>
    </message>
    <message>
        <source>Follow what happens now; without it, the past of the chosen time is shown</source>
        <translation>지금 일어나는 일을 계속 표시합니다. 끄면 선택한 기간의 지난 기록을 표시합니다</translation>
    </message>
    <message>
        <source>From</source>
        <translation>시작</translation>
    </message>
    <message>
        <source>Until</source>
        <translation>끝</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>보기</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>내보내기…</translation>
    </message>
</context>
<context>
    <name>LogModel</name>
    <message>
        <source>Time</source>
        <translation>시각</translation>
    </message>
    <message>
        <source>Level</source>
        <translation>수준</translation>
    </message>
    <message>
        <source>Source</source>
        <translation>출처</translation>
    </message>
    <message>
        <source>Camera</source>
        <translation>카메라</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>내용</translation>
    </message>
    <message>
        <source>detail</source>
        <translation>상세</translation>
    </message>
    <message>
        <source>info</source>
        <translation>정보</translation>
    </message>
    <message>
        <source>warning</source>
        <translation>경고</translation>
    </message>
    <message>
        <source>error</source>
        <translation>오류</translation>
    </message>
</context>
<context>
    <name>LogViewer</name>
    <message>
        <source>Log</source>
        <translation>로그</translation>
    </message>
    <message>
        <source>Export the log…</source>
        <translation>로그 내보내기…</translation>
    </message>
    <message>
        <source>event</source>
        <translation>이벤트</translation>
    </message>
    <message>
        <source>Reading …</source>
        <translation>읽는 중 …</translation>
    </message>
    <message>
        <source>{0} events</source>
        <translation>이벤트 {0}건</translation>
    </message>
    <message>
        <source>The newest {0} events of that time; choose a shorter one</source>
        <translation>그 기간의 최신 이벤트 {0}건만 표시합니다. 더 짧은 기간을 선택하십시오</translation>
    </message>
    <message>
        <source>Export the log</source>
        <translation>로그 내보내기</translation>
    </message>
    <message>
        <source>{0} lines were written to {1}</source>
        <translation>{0}줄을 {1}에 저장했습니다</translation>
    </message>
</context>
<context>
    <name>LoggingPage</name>
    <message>
        <source>Logging</source>
        <translation>로그</translation>
    </message>
    <message>
        <source>Everything (debug)</source>
        <translation>모두 (debug)</translation>
    </message>
    <message>
        <source>What happens (info)</source>
        <translation>일어나는 일 (info)</translation>
    </message>
    <message>
        <source>Warnings</source>
        <translation>경고</translation>
    </message>
    <message>
        <source>Errors only</source>
        <translation>오류만</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>자동</translation>
    </message>
    <message>
        <source>For people</source>
        <translation>사람용</translation>
    </message>
    <message>
        <source>Log of the recorder</source>
        <translation>녹화기의 로그</translation>
    </message>
    <message>
        <source>Level</source>
        <translation>수준</translation>
    </message>
    <message>
        <source>Format</source>
        <translation>형식</translation>
    </message>
    <message>
        <source>Log of this window</source>
        <translation>이 창의 로그</translation>
    </message>
    <message>
        <source>The least important line that this window still writes.</source>
        <translation>이 창이 기록할 가장 낮은 수준입니다.</translation>
    </message>
</context>
<context>
    <name>LoginDialog</name>
    <message>
        <source>Log in</source>
        <translation>로그인</translation>
    </message>
    <message>
        <source>Log in to {0}.</source>
        <translation>{0}에 로그인하십시오.</translation>
    </message>
    <message>
        <source>Stay logged in on this computer</source>
        <translation>이 컴퓨터에서 로그인 상태 유지</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Password</source>
        <translation>비밀번호</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Cameras</source>
        <translation>카메라</translation>
    </message>
    <message>
        <source>Recording</source>
        <translation>녹화</translation>
    </message>
    <message>
        <source>Playback</source>
        <translation>재생</translation>
    </message>
    <message>
        <source>Log</source>
        <translation>로그</translation>
    </message>
    <message>
        <source>System</source>
        <translation>시스템</translation>
    </message>
    <message>
        <source>Window</source>
        <translation>창</translation>
    </message>
    <message>
        <source>Full screen</source>
        <translation>전체 화면</translation>
    </message>
    <message>
        <source>Settings…</source>
        <translation>설정…</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>끝내기</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>파일(&amp;F)</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>보기(&amp;V)</translation>
    </message>
    <message>
        <source>Grid</source>
        <translation>격자</translation>
    </message>
    <message>
        <source>&amp;Panels</source>
        <translation>패널(&amp;P)</translation>
    </message>
    <message>
        <source>&amp;Recording</source>
        <translation>녹화(&amp;R)</translation>
    </message>
    <message>
        <source>&amp;Playback</source>
        <translation>재생(&amp;L)</translation>
    </message>
    <message>
        <source>Connected to {0}</source>
        <translation>{0}에 연결됨</translation>
    </message>
    <message>
        <source>Connecting to {0} …</source>
        <translation>{0}에 연결하는 중 …</translation>
    </message>
</context>
<context>
    <name>NetworkPage</name>
    <message>
        <source>Network</source>
        <translation>네트워크</translation>
    </message>
    <message>
        <source>Off: plain HTTP</source>
        <translation>끔: 일반 HTTP</translation>
    </message>
    <message>
        <source>Automatic: its own certificate</source>
        <translation>자동: 자체 인증서</translation>
    </message>
    <message>
        <source>Files: a certificate of yours</source>
        <translation>파일: 직접 준비한 인증서</translation>
    </message>
    <message>
        <source>none</source>
        <translation>없음</translation>
    </message>
    <message>
        <source>Page and API</source>
        <translation>웹 화면과 API</translation>
    </message>
    <message>
        <source>Listens at</source>
        <translation>수신 주소</translation>
    </message>
    <message>
        <source>Encryption</source>
        <translation>암호화</translation>
    </message>
    <message>
        <source>Certificate</source>
        <translation>인증서</translation>
    </message>
    <message>
        <source>Private key</source>
        <translation>개인 키</translation>
    </message>
    <message>
        <source>Further names</source>
        <translation>다른 이름</translation>
    </message>
    <message>
        <source>Reverse proxies</source>
        <translation>리버스 프록시</translation>
    </message>
    <message>
        <source>This window is connected by it, too: it may have to be opened anew with another address.</source>
        <translation>이 창도 이것으로 연결되어 있습니다. 다른 주소로 창을 다시 열어야 할 수 있습니다.</translation>
    </message>
    <message>
        <source>Live pictures for other programs (RTSP)</source>
        <translation>다른 프로그램용 실시간 영상 (RTSP)</translation>
    </message>
    <message>
        <source>Offer them</source>
        <translation>제공</translation>
    </message>
</context>
<context>
    <name>PlaySurface</name>
    <message>
        <source>Recorded picture of {0}</source>
        <translation>{0}의 녹화 영상</translation>
    </message>
</context>
<context>
    <name>PlaybackWidget</name>
    <message>
        <source>Playback</source>
        <translation>재생</translation>
    </message>
    <message>
        <source>Previous file</source>
        <translation>이전 파일</translation>
    </message>
    <message>
        <source>Backward, faster each time</source>
        <translation>뒤로 재생, 누를수록 빠르게</translation>
    </message>
    <message>
        <source>One picture back</source>
        <translation>이전 프레임</translation>
    </message>
    <message>
        <source>Play or pause</source>
        <translation>재생 또는 일시 정지</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>일시 정지</translation>
    </message>
    <message>
        <source>One picture on</source>
        <translation>다음 프레임</translation>
    </message>
    <message>
        <source>Forward, faster each time</source>
        <translation>앞으로 재생, 누를수록 빠르게</translation>
    </message>
    <message>
        <source>Next file</source>
        <translation>다음 파일</translation>
    </message>
    <message>
        <source>5 seconds back</source>
        <translation>5초 뒤로</translation>
    </message>
    <message>
        <source>5 seconds on</source>
        <translation>5초 앞으로</translation>
    </message>
    <message>
        <source>To the beginning of what is shown</source>
        <translation>표시 구간의 시작으로</translation>
    </message>
    <message>
        <source>To the newest picture</source>
        <translation>최신 화면으로</translation>
    </message>
    <message>
        <source>Next gap</source>
        <translation>다음 공백</translation>
    </message>
    <message>
        <source>Previous gap</source>
        <translation>이전 공백</translation>
    </message>
    <message>
        <source>To where footage goes on</source>
        <translation>영상이 이어지는 곳으로</translation>
    </message>
    <message>
        <source>Selection begins here</source>
        <translation>여기를 선택 시작으로</translation>
    </message>
    <message>
        <source>Selection ends here</source>
        <translation>여기를 선택 끝으로</translation>
    </message>
    <message>
        <source>Save the picture …</source>
        <translation>스냅샷 저장 …</translation>
    </message>
    <message>
        <source>Export the selection …</source>
        <translation>선택 구간 내보내기 …</translation>
    </message>
    <message>
        <source>Back up the selection …</source>
        <translation>선택 구간 백업 …</translation>
    </message>
    <message>
        <source>Protect the selection …</source>
        <translation>선택 구간 보호 …</translation>
    </message>
    <message>
        <source>Delete the selection …</source>
        <translation>선택 구간 삭제 …</translation>
    </message>
    <message>
        <source>Select nothing</source>
        <translation>선택 해제</translation>
    </message>
    <message>
        <source>Loading …</source>
        <translation>불러오는 중 …</translation>
    </message>
    <message>
        <source>Keyframes only</source>
        <translation>키프레임만</translation>
    </message>
    <message>
        <source>{0} selected</source>
        <translation>{0} 선택됨</translation>
    </message>
</context>
<context>
    <name>Player</name>
    <message>
        <source>There is no other file in that direction</source>
        <translation>그 방향에는 다른 파일이 없습니다</translation>
    </message>
    <message>
        <source>No gap in that direction</source>
        <translation>그 방향에는 공백이 없습니다</translation>
    </message>
    <message>
        <source>There is no footage before</source>
        <translation>이전 영상이 없습니다</translation>
    </message>
</context>
<context>
    <name>Preview</name>
    <message>
        <source>What would be deleted now</source>
        <translation>지금 삭제될 것</translation>
    </message>
    <message>
        <source>Camera</source>
        <translation>카메라</translation>
    </message>
    <message>
        <source>as the rules say, or like 30d</source>
        <translation>규칙대로, 또는 예: 30d</translation>
    </message>
    <message>
        <source>If everything older than this went</source>
        <translation>이보다 오래된 것을 모두 삭제한다면</translation>
    </message>
    <message>
        <source>Preview</source>
        <translation>미리 보기</translation>
    </message>
    <message>
        <source>Delete now…</source>
        <translation>지금 삭제…</translation>
    </message>
    <message>
        <source>What would be deleted</source>
        <translation>삭제될 것</translation>
    </message>
    <message>
        <source>Volume</source>
        <translation>볼륨</translation>
    </message>
    <message>
        <source>Why</source>
        <translation>이유</translation>
    </message>
    <message>
        <source>Files</source>
        <translation>파일</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>크기</translation>
    </message>
    <message>
        <source>From</source>
        <translation>시작</translation>
    </message>
    <message>
        <source>Until</source>
        <translation>끝</translation>
    </message>
    <message>
        <source>Older than</source>
        <translation>이보다 오래된 것</translation>
    </message>
    <message>
        <source>All cameras</source>
        <translation>모든 카메라</translation>
    </message>
    <message>
        <source>Looking …</source>
        <translation>살펴보는 중 …</translation>
    </message>
    <message>
        <source>too old</source>
        <translation>보존 기간 초과</translation>
    </message>
    <message>
        <source>over the camera&apos;s share</source>
        <translation>카메라 용량 초과</translation>
    </message>
    <message>
        <source>room is needed</source>
        <translation>공간 필요</translation>
    </message>
    <message>
        <source>the volume is full</source>
        <translation>볼륨 가득 참</translation>
    </message>
    <message>
        <source>older than asked for</source>
        <translation>지정한 기간 초과</translation>
    </message>
    <message>
        <source>Nothing would be deleted now.</source>
        <translation>지금 삭제될 영상은 없습니다.</translation>
    </message>
    <message>
        <source>{0} files, {1}.</source>
        <translation>파일 {0}개, {1}.</translation>
    </message>
    <message>
        <source>{0} protected files stay ({1}).</source>
        <translation>보호된 파일 {0}개는 남습니다({1}).</translation>
    </message>
    <message>
        <source>{0} files are too young.</source>
        <translation>파일 {0}개는 최소 보존 기간 안에 있습니다.</translation>
    </message>
    <message>
        <source>Changes that are not applied yet do not count.</source>
        <translation>아직 적용하지 않은 변경은 반영되지 않습니다.</translation>
    </message>
    <message>
        <source>Delete this footage now?</source>
        <translation>이 영상을 지금 삭제할까요?</translation>
    </message>
    <message>
        <source>This cannot be undone.</source>
        <translation>되돌릴 수 없습니다.</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>삭제</translation>
    </message>
    <message>
        <source>{0} files deleted, {1} …</source>
        <translation>파일 {0}개 삭제됨, {1} …</translation>
    </message>
    <message>
        <source>✓ {0} files deleted, {1} freed.</source>
        <translation>✓ 파일 {0}개를 삭제해 {1}를 확보했습니다.</translation>
    </message>
    <message>
        <source>{0} failed</source>
        <translation>{0}개 실패</translation>
    </message>
</context>
<context>
    <name>ProbePanel</name>
    <message>
        <source>Probe</source>
        <translation>확인</translation>
    </message>
    <message>
        <source>Look at the camera for a few seconds; nothing is saved</source>
        <translation>카메라를 몇 초 동안 살펴봅니다. 아무것도 저장하지 않습니다</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>중지</translation>
    </message>
    <message>
        <source>Stop looking at the camera</source>
        <translation>카메라 확인 중지</translation>
    </message>
    <message>
        <source>Looking at the camera</source>
        <translation>카메라를 확인하는 중</translation>
    </message>
    <message>
        <source>Looking at the camera; one that does not answer takes up to 45 seconds …</source>
        <translation>카메라를 확인하는 중입니다. 응답하지 않으면 45초까지 걸립니다 …</translation>
    </message>
    <message>
        <source>It could not be looked at: {0}</source>
        <translation>확인할 수 없습니다: {0}</translation>
    </message>
</context>
<context>
    <name>ProtectDialog</name>
    <message>
        <source>Protect footage</source>
        <translation>영상 보호</translation>
    </message>
    <message>
        <source>Protect</source>
        <translation>보호</translation>
    </message>
    <message>
        <source>Why</source>
        <translation>이유</translation>
    </message>
    <message>
        <source>Why, for whoever looks later</source>
        <translation>이유 (나중에 볼 사람을 위해)</translation>
    </message>
    <message>
        <source>The footage of {0} cameras stays until somebody lets it go.</source>
        <translation>누군가 보호를 해제할 때까지 카메라 {0}대의 영상을 보존합니다.</translation>
    </message>
</context>
<context>
    <name>RecordingControlWidget</name>
    <message>
        <source>All start</source>
        <translation>모두 시작</translation>
    </message>
    <message>
        <source>All stop</source>
        <translation>모두 중지</translation>
    </message>
    <message>
        <source>Start recording all cameras</source>
        <translation>모든 카메라 녹화 시작</translation>
    </message>
    <message>
        <source>Stop recording all cameras</source>
        <translation>모든 카메라 녹화 중지</translation>
    </message>
    <message>
        <source>Recording</source>
        <translation>녹화</translation>
    </message>
    <message>
        <source>the recorder has not done it yet</source>
        <translation>녹화기가 아직 처리하지 않았습니다</translation>
    </message>
    <message>
        <source>{0} of {1} recording</source>
        <translation>{1}대 중 {0}대 녹화 중</translation>
    </message>
</context>
<context>
    <name>RecordingPage</name>
    <message>
        <source>Recording</source>
        <translation>녹화</translation>
    </message>
    <message>
        <source>For all cameras; a camera may have its own rotation and schedule.</source>
        <translation>모든 카메라에 적용됩니다. 카메라마다 파일 길이와 예약을 따로 정할 수 있습니다.</translation>
    </message>
    <message>
        <source>UTC</source>
        <translation>UTC</translation>
    </message>
    <message>
        <source>Local time of the place</source>
        <translation>설치 장소의 현지 시각</translation>
    </message>
    <message>
        <source>When</source>
        <translation>녹화 시간</translation>
    </message>
    <message>
        <source>Schedule</source>
        <translation>예약</translation>
    </message>
    <message>
        <source>Files</source>
        <translation>파일</translation>
    </message>
    <message>
        <source>Length of a file</source>
        <translation>파일 길이</translation>
    </message>
    <message>
        <source>Largest size of a file</source>
        <translation>파일 최대 크기</translation>
    </message>
    <message>
        <source>Begin files at whole multiples on the clock</source>
        <translation>정각의 배수에 맞춰 파일 시작</translation>
    </message>
    <message>
        <source>Shift the cameras&apos; file changes against each other</source>
        <translation>카메라마다 파일이 바뀌는 시점을 다르게</translation>
    </message>
    <message>
        <source>Time in file names</source>
        <translation>파일 이름의 시각</translation>
    </message>
    <message>
        <source>Memory for the newest footage</source>
        <translation>최신 영상용 메모리</translation>
    </message>
    <message>
        <source>Kept in memory</source>
        <translation>메모리 보관 시간</translation>
    </message>
    <message>
        <source>The most memory for it</source>
        <translation>최대 메모리</translation>
    </message>
    <message>
        <source>What was seen just before recording begins, or while a disk is away, is taken from here.</source>
        <translation>녹화가 시작되기 직전에 보인 것과 디스크가 없는 동안 보인 것은 여기에서 가져옵니다.</translation>
    </message>
    <message>
        <source>Writing</source>
        <translation>쓰기</translation>
    </message>
    <message>
        <source>Unit of writing</source>
        <translation>쓰기 단위</translation>
    </message>
    <message>
        <source>Forced onto the disk every</source>
        <translation>디스크에 확정하는 간격</translation>
    </message>
    <message>
        <source>A volume that failed</source>
        <translation>실패한 볼륨</translation>
    </message>
    <message>
        <source>Wait between attempts</source>
        <translation>시도 사이 대기</translation>
    </message>
    <message>
        <source>Attempts in a row</source>
        <translation>연속 시도 횟수</translation>
    </message>
    <message>
        <source>This recorder</source>
        <translation>이 녹화기</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Time zone</source>
        <translation>시간대</translation>
    </message>
    <message>
        <source>the machine&apos;s own</source>
        <translation>컴퓨터의 시간대</translation>
    </message>
</context>
<context>
    <name>RecordingRow</name>
    <message>
        <source>Start</source>
        <translation>시작</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>중지</translation>
    </message>
    <message>
        <source>Start recording {0}</source>
        <translation>{0} 녹화 시작</translation>
    </message>
    <message>
        <source>Stop recording {0}</source>
        <translation>{0} 녹화 중지</translation>
    </message>
    <message>
        <source>starting…</source>
        <translation>시작하는 중…</translation>
    </message>
    <message>
        <source>stopping…</source>
        <translation>중지하는 중…</translation>
    </message>
    <message>
        <source>Switched off</source>
        <translation>사용 안 함</translation>
    </message>
    <message>
        <source>Recording to {0}, the spare volume</source>
        <translation>예비 볼륨 {0}에 녹화 중</translation>
    </message>
    <message>
        <source>Recording to {0}</source>
        <translation>{0}에 녹화 중</translation>
    </message>
    <message>
        <source>Waiting: {0}</source>
        <translation>대기 중: {0}</translation>
    </message>
    <message>
        <source>Waiting for the first picture</source>
        <translation>첫 화면을 기다리는 중</translation>
    </message>
    <message>
        <source>Not recording</source>
        <translation>녹화하지 않음</translation>
    </message>
    <message>
        <source>Not recording: outside its schedule</source>
        <translation>녹화하지 않음: 예약 시간 아님</translation>
    </message>
    <message>
        <source>Not recording: stopped by hand</source>
        <translation>녹화하지 않음: 수동으로 중지</translation>
    </message>
</context>
<context>
    <name>RetentionPage</name>
    <message>
        <source>Retention</source>
        <translation>보존</translation>
    </message>
    <message>
        <source>The oldest goes first; what is protected, or being written, never.</source>
        <translation>가장 오래된 것부터 삭제합니다. 보호되었거나 쓰는 중인 것은 삭제하지 않습니다.</translation>
    </message>
    <message>
        <source>How long</source>
        <translation>기간</translation>
    </message>
    <message>
        <source>Oldest footage</source>
        <translation>최대 보존 기간</translation>
    </message>
    <message>
        <source>Not deleted while younger than</source>
        <translation>최소 보존 기간</translation>
    </message>
    <message>
        <source>Most footage per camera</source>
        <translation>카메라당 최대 용량</translation>
    </message>
    <message>
        <source>A camera may have its own rules; see the page “Cameras”.</source>
        <translation>카메라마다 규칙을 따로 정할 수 있습니다. “카메라” 페이지를 보십시오.</translation>
    </message>
    <message>
        <source>When a volume fills up</source>
        <translation>볼륨이 차오를 때</translation>
    </message>
    <message>
        <source>Make room below</source>
        <translation>공간 확보 시작</translation>
    </message>
    <message>
        <source>… or below</source>
        <translation>… 또는</translation>
    </message>
    <message>
        <source>And free so much more</source>
        <translation>추가로 확보할 공간</translation>
    </message>
    <message>
        <source>In need, older than</source>
        <translation>부족할 때, 이보다 오래된 것</translation>
    </message>
    <message>
        <source>Look through everything every</source>
        <translation>전체를 살펴보는 간격</translation>
    </message>
    <message>
        <source>Checking that footage is as it was written</source>
        <translation>영상이 쓴 그대로인지 확인</translation>
    </message>
    <message>
        <source>Read everything again now and then</source>
        <translation>가끔 모두 다시 읽음</translation>
    </message>
    <message>
        <source>At most, per second</source>
        <translation>초당 최대</translation>
    </message>
    <message>
        <source>Each file again after</source>
        <translation>파일마다 다시 검사하는 간격</translation>
    </message>
</context>
<context>
    <name>RunDialog</name>
    <message>
        <source>The recorder makes the file …</source>
        <translation>녹화기가 파일을 만드는 중 …</translation>
    </message>
    <message>
        <source>Fetching …</source>
        <translation>받는 중 …</translation>
    </message>
    <message>
        <source>Copying and comparing …</source>
        <translation>복사하고 비교하는 중 …</translation>
    </message>
    <message>
        <source>Deleting …</source>
        <translation>삭제하는 중 …</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>닫기</translation>
    </message>
</context>
<context>
    <name>SettingsDialog</name>
    <message>
        <source>Settings</source>
        <translation>설정</translation>
    </message>
    <message>
        <source>Pages of the settings</source>
        <translation>설정 페이지</translation>
    </message>
    <message>
        <source>Saved, but not in force yet: {0}</source>
        <translation>저장했지만 아직 적용되지 않았습니다: {0}</translation>
    </message>
    <message>
        <source>✓ Applied.</source>
        <translation>✓ 적용했습니다.</translation>
    </message>
    <message>
        <source>Nothing was changed: see what is marked.</source>
        <translation>아무것도 바뀌지 않았습니다. 표시된 곳을 보십시오.</translation>
    </message>
</context>
<context>
    <name>ShowToken</name>
    <message>
        <source>The token “{0}”</source>
        <translation>토큰 “{0}”</translation>
    </message>
    <message>
        <source>The token</source>
        <translation>토큰</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>복사</translation>
    </message>
    <message>
        <source>It is shown now and never again.</source>
        <translation>지금만 표시되고 다시는 표시되지 않습니다.</translation>
    </message>
</context>
<context>
    <name>StorageBanner</name>
    <message>
        <source>Recording resumed on {0}</source>
        <translation>{0}에서 녹화를 재개했습니다</translation>
    </message>
    <message>
        <source>{0} can be used again</source>
        <translation>{0}을(를) 다시 사용할 수 있습니다</translation>
    </message>
    <message>
        <source>No contact with the recorder for {0} s</source>
        <translation>{0}초 동안 녹화기와 연결되지 않음</translation>
    </message>
    <message>
        <source>what is shown may be old</source>
        <translation>표시된 내용이 최신이 아닐 수 있습니다</translation>
    </message>
    <message>
        <source>Recording goes on with {0}.</source>
        <translation>{0}에 계속 녹화합니다.</translation>
    </message>
    <message>
        <source>Recording goes on.</source>
        <translation>녹화는 계속됩니다.</translation>
    </message>
    <message>
        <source>New footage waits in memory, {0} s so far.</source>
        <translation>새 영상을 메모리에 보관하고 있습니다(현재 {0}초).</translation>
    </message>
    <message>
        <source>New footage waits in memory, {0} s so far; {1} % of the memory is used.</source>
        <translation>새 영상을 메모리에 보관하고 있습니다(현재 {0}초, 메모리 {1} % 사용).</translation>
    </message>
</context>
<context>
    <name>StoragePage</name>
    <message>
        <source>Storage</source>
        <translation>저장소</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Used as</source>
        <translation>용도</translation>
    </message>
    <message>
        <source>State</source>
        <translation>상태</translation>
    </message>
    <message>
        <source>Free</source>
        <translation>남은 공간</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>폴더</translation>
    </message>
    <message>
        <source>Volumes</source>
        <translation>볼륨</translation>
    </message>
    <message>
        <source>Add…</source>
        <translation>추가…</translation>
    </message>
    <message>
        <source>Retire…</source>
        <translation>사용 종료…</translation>
    </message>
    <message>
        <source>Write nothing new to it</source>
        <translation>새로 쓰지 않습니다</translation>
    </message>
    <message>
        <source>Remove…</source>
        <translation>제거…</translation>
    </message>
    <message>
        <source>Check now</source>
        <translation>지금 확인</translation>
    </message>
    <message>
        <source>Look at all volumes now</source>
        <translation>모든 볼륨을 지금 살펴봅니다</translation>
    </message>
    <message>
        <source>Primary: recorded to whenever it can be</source>
        <translation>기본: 쓸 수 있으면 항상 여기에 녹화</translation>
    </message>
    <message>
        <source>Spill: while no primary can be</source>
        <translation>예비: 기본 볼륨을 쓸 수 없는 동안 녹화</translation>
    </message>
    <message>
        <source>Retired: only read</source>
        <translation>사용 종료: 읽기만</translation>
    </message>
    <message>
        <source>The volume</source>
        <translation>볼륨</translation>
    </message>
    <message>
        <source>Only while mounted</source>
        <translation>마운트되어 있을 때만</translation>
    </message>
    <message>
        <source>as found</source>
        <translation>발견된 대로</translation>
    </message>
    <message>
        <source>When a volume is full</source>
        <translation>볼륨이 가득 찰 때</translation>
    </message>
    <message>
        <source>Stop recording below</source>
        <translation>녹화를 멈추는 남은 공간</translation>
    </message>
    <message>
        <source>Record again from</source>
        <translation>녹화를 재개하는 남은 공간</translation>
    </message>
    <message>
        <source>Of free space. When footage is deleted to make room is set on the page “Retention”.</source>
        <translation>남은 공간 기준입니다. 공간을 만들려고 영상을 삭제하는 때는 “보존” 페이지에서 정합니다.</translation>
    </message>
    <message>
        <source>Noticing that a volume is gone</source>
        <translation>볼륨이 없어진 것을 알아채기</translation>
    </message>
    <message>
        <source>Look at it every</source>
        <translation>살펴보는 간격</translation>
    </message>
    <message>
        <source>It has to answer within</source>
        <translation>응답 기한</translation>
    </message>
    <message>
        <source>A write may take</source>
        <translation>쓰기에 걸려도 되는 시간</translation>
    </message>
    <message>
        <source>Footage that comes home from another volume</source>
        <translation>다른 볼륨에서 제자리로 돌아오는 영상</translation>
    </message>
    <message>
        <source>At most, per second</source>
        <translation>초당 최대</translation>
    </message>
    <message>
        <source>Nothing new is recorded to it. Its footage stays readable, and the rules of retention go on for it.</source>
        <translation>새로 녹화하지 않습니다. 영상은 계속 읽을 수 있으며, 보존 규칙은 계속 적용됩니다.</translation>
    </message>
    <message>
        <source>Retire the volume “{0}”?</source>
        <translation>볼륨 “{0}”을(를) 사용 종료할까요?</translation>
    </message>
    <message>
        <source>Retire</source>
        <translation>사용 종료</translation>
    </message>
    <message>
        <source>It is taken out of the configuration. Its footage stays on the disk, but cannot be watched from here until it is added again.</source>
        <translation>설정에서 제거됩니다. 영상은 디스크에 남지만, 다시 추가할 때까지 여기에서 볼 수 없습니다.</translation>
    </message>
    <message>
        <source>Remove the volume “{0}”?</source>
        <translation>볼륨 “{0}”을(를) 제거할까요?</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>제거</translation>
    </message>
    <message>
        <source>✓ All volumes were looked at.</source>
        <translation>✓ 모든 볼륨을 살펴보았습니다.</translation>
    </message>
</context>
<context>
    <name>StreamingPage</name>
    <message>
        <source>Streaming</source>
        <translation>스트리밍</translation>
    </message>
    <message>
        <source>Switch within one pipeline (input-selector)</source>
        <translation>한 파이프라인 안에서 전환 (input-selector)</translation>
    </message>
    <message>
        <source>GStreamer&apos;s fallbacksrc</source>
        <translation>GStreamer의 fallbacksrc</translation>
    </message>
    <message>
        <source>Make another pipeline (restart)</source>
        <translation>다른 파이프라인을 만듦 (restart)</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>자동</translation>
    </message>
    <message>
        <source>Frames, drawn by the window</source>
        <translation>프레임, 창이 그림</translation>
    </message>
    <message>
        <source>Overlay, drawn by the graphics card</source>
        <translation>오버레이, 그래픽 카드가 그림</translation>
    </message>
    <message>
        <source>Pictures in this window</source>
        <translation>이 창의 화면</translation>
    </message>
    <message>
        <source>While a camera is away</source>
        <translation>카메라가 없는 동안</translation>
    </message>
    <message>
        <source>How the picture is replaced, and comes back. All show the same card.</source>
        <translation>화면이 어떻게 대체되고 돌아오는지입니다. 모두 같은 카드를 보여 줍니다.</translation>
    </message>
    <message>
        <source>Decoder</source>
        <translation>디코더</translation>
    </message>
    <message>
        <source>auto: the hardware&apos;s where there is one; software; or the name of an element.</source>
        <translation>auto: 있으면 하드웨어, software, 또는 요소의 이름.</translation>
    </message>
    <message>
        <source>Output</source>
        <translation>출력</translation>
    </message>
    <message>
        <source>Automatic takes the quickest way that works here.</source>
        <translation>자동은 여기에서 되는 가장 빠른 방법을 씁니다.</translation>
    </message>
    <message>
        <source>Takes effect at once, for each picture as it is opened anew.</source>
        <translation>바로 적용되며, 각 화면은 다시 열릴 때 바뀝니다.</translation>
    </message>
    <message>
        <source>Reaching cameras</source>
        <translation>카메라 연결</translation>
    </message>
    <message>
        <source>Longest wait for an answer</source>
        <translation>응답 최대 대기 시간</translation>
    </message>
    <message>
        <source>Silence that counts as stalled</source>
        <translation>멈춤으로 보는 무응답 시간</translation>
    </message>
    <message>
        <source>Well again after</source>
        <translation>다시 정상으로 보기까지</translation>
    </message>
    <message>
        <source>Waits between attempts</source>
        <translation>시도 사이의 대기</translation>
    </message>
    <message>
        <source>After the first failure</source>
        <translation>첫 실패 뒤</translation>
    </message>
    <message>
        <source>Longest wait</source>
        <translation>최대 대기 시간</translation>
    </message>
    <message>
        <source>Longer each time by</source>
        <translation>매번 길어지는 배수</translation>
    </message>
    <message>
        <source>Choose each wait at random</source>
        <translation>대기 시간을 무작위로 정함</translation>
    </message>
    <message>
        <source>Attempts until shown as disconnected</source>
        <translation>연결 끊김으로 표시할 때까지의 시도 횟수</translation>
    </message>
    <message>
        <source>Stop trying then</source>
        <translation>그 뒤에는 시도하지 않음</translation>
    </message>
    <message>
        <source>Views of the recorder</source>
        <translation>녹화기의 뷰</translation>
    </message>
    <message>
        <source>Shown while a camera is away</source>
        <translation>카메라가 없는 동안 보여 줄 것</translation>
    </message>
    <message>
        <source>Shown after a standstill of</source>
        <translation>이만큼 멈추면 보여 줌</translation>
    </message>
    <message>
        <source>Smaller stream stays open for</source>
        <translation>보조 스트림을 열어 두는 시간</translation>
    </message>
    <message>
        <source>Slow viewers skip after</source>
        <translation>느린 시청자가 건너뛰는 때</translation>
    </message>
</context>
<context>
    <name>SystemMonitor</name>
    <message>
        <source>Processors</source>
        <translation>프로세서</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>메모리</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>온도</translation>
    </message>
    <message>
        <source>Footage in memory</source>
        <translation>메모리의 영상</translation>
    </message>
    <message>
        <source>{0} % of {1}</source>
        <translation>{1}개의 {0} %</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{1} 중 {0}</translation>
    </message>
    <message>
        <source>{0} free of {1}</source>
        <translation>{1} 중 {0} 남음</translation>
    </message>
    <message>
        <source>{0} an hour</source>
        <translation>시간당 {0}</translation>
    </message>
    <message>
        <source>holds {0} days</source>
        <translation>{0}일분 보존</translation>
    </message>
    <message>
        <source>Process</source>
        <translation>프로세스</translation>
    </message>
    <message>
        <source>CPU</source>
        <translation>CPU</translation>
    </message>
    <message>
        <source>Replaced</source>
        <translation>교체 횟수</translation>
    </message>
    <message>
        <source>Processes</source>
        <translation>프로세스</translation>
    </message>
</context>
<context>
    <name>TargetField</name>
    <message>
        <source>Where to</source>
        <translation>저장할 곳</translation>
    </message>
    <message>
        <source>Choose …</source>
        <translation>선택 …</translation>
    </message>
</context>
<context>
    <name>TimelineWidget</name>
    <message>
        <source>Time line</source>
        <translation>타임라인</translation>
    </message>
</context>
<context>
    <name>Tray</name>
    <message>
        <source>Show or hide the window</source>
        <translation>창 표시 또는 숨기기</translation>
    </message>
    <message>
        <source>Start recording all cameras</source>
        <translation>모든 카메라 녹화 시작</translation>
    </message>
    <message>
        <source>Stop recording all cameras</source>
        <translation>모든 카메라 녹화 중지</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>끝내기</translation>
    </message>
    <message>
        <source>Recording resumed on {0}</source>
        <translation>{0}에서 녹화를 재개했습니다</translation>
    </message>
    <message>
        <source>Evertape: no recorder has answered yet</source>
        <translation>Evertape: 아직 응답한 녹화기가 없습니다</translation>
    </message>
    <message>
        <source>Evertape: {0} of {1} cameras recording</source>
        <translation>Evertape: 카메라 {1}대 중 {0}대 녹화 중</translation>
    </message>
</context>
<context>
    <name>UsersPage</name>
    <message>
        <source>Users</source>
        <translation>사용자</translation>
    </message>
    <message>
        <source>What is done on this page is done at once.</source>
        <translation>이 페이지에서 하는 일은 바로 적용됩니다.</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Role</source>
        <translation>역할</translation>
    </message>
    <message>
        <source>Cameras</source>
        <translation>카메라</translation>
    </message>
    <message>
        <source>Accounts</source>
        <translation>계정</translation>
    </message>
    <message>
        <source>Add…</source>
        <translation>추가…</translation>
    </message>
    <message>
        <source>Change…</source>
        <translation>변경…</translation>
    </message>
    <message>
        <source>Remove…</source>
        <translation>제거…</translation>
    </message>
    <message>
        <source>My password…</source>
        <translation>내 비밀번호…</translation>
    </message>
    <message>
        <source>For</source>
        <translation>용도</translation>
    </message>
    <message>
        <source>Of</source>
        <translation>소유자</translation>
    </message>
    <message>
        <source>Last use</source>
        <translation>마지막 사용</translation>
    </message>
    <message>
        <source>Until</source>
        <translation>까지</translation>
    </message>
    <message>
        <source>Tokens of programs</source>
        <translation>프로그램의 토큰</translation>
    </message>
    <message>
        <source>End…</source>
        <translation>끝내기…</translation>
    </message>
    <message>
        <source>Tokens, for programs</source>
        <translation>프로그램용 토큰</translation>
    </message>
    <message>
        <source>Only an administrator may see and change accounts; you can change your own.</source>
        <translation>계정은 관리자만 보고 바꿀 수 있습니다. 자기 것은 바꿀 수 있습니다.</translation>
    </message>
    <message>
        <source>An engine of this program has no accounts.</source>
        <translation>이 프로그램의 엔진에는 계정이 없습니다.</translation>
    </message>
    <message>
        <source>all</source>
        <translation>모두</translation>
    </message>
    <message>
        <source>{0} (you)</source>
        <translation>{0} (나)</translation>
    </message>
    <message>
        <source>never</source>
        <translation>없음</translation>
    </message>
    <message>
        <source>for good</source>
        <translation>무기한</translation>
    </message>
    <message>
        <source>Needs a login with a password</source>
        <translation>비밀번호로 로그인해야 합니다</translation>
    </message>
    <message>
        <source>Remove the account “{0}”?</source>
        <translation>계정 “{0}”을(를) 제거할까요?</translation>
    </message>
    <message>
        <source>It is logged out everywhere, and its tokens end.</source>
        <translation>모든 곳에서 로그아웃되고 그 토큰들이 끝납니다.</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>제거</translation>
    </message>
    <message>
        <source>End the token “{0}”?</source>
        <translation>토큰 “{0}”을(를) 끝낼까요?</translation>
    </message>
    <message>
        <source>The program that uses it is refused from now on.</source>
        <translation>그것을 쓰는 프로그램은 지금부터 거부됩니다.</translation>
    </message>
    <message>
        <source>End</source>
        <translation>끝내기</translation>
    </message>
</context>
<context>
    <name>VideoGrid</name>
    <message>
        <source>Cameras</source>
        <translation>카메라</translation>
    </message>
    <message>
        <source>Camera {0}: {1}</source>
        <translation>카메라 {0}: {1}</translation>
    </message>
    <message>
        <source>Grid</source>
        <translation>격자</translation>
    </message>
    <message>
        <source>Grid {0}</source>
        <translation>격자 {0}</translation>
    </message>
    <message>
        <source>Zoom</source>
        <translation>크게 보기</translation>
    </message>
    <message>
        <source>All cameras</source>
        <translation>모든 카메라</translation>
    </message>
    <message>
        <source>Next page</source>
        <translation>다음 쪽</translation>
    </message>
    <message>
        <source>Previous page</source>
        <translation>이전 쪽</translation>
    </message>
    <message>
        <source>Zoom to camera {0}</source>
        <translation>카메라 {0} 크게 보기</translation>
    </message>
    <message>
        <source>Connecting …</source>
        <translation>연결하는 중 …</translation>
    </message>
    <message>
        <source>There is no camera yet. Settings, Cameras adds one.</source>
        <translation>아직 카메라가 없습니다. 설정의 카메라 페이지에서 추가하십시오.</translation>
    </message>
</context>
<context>
    <name>_Cameras</name>
    <message>
        <source>Sees these cameras; if none is chosen, all</source>
        <translation>볼 수 있는 카메라. 고르지 않으면 모두</translation>
    </message>
</context>
<context>
    <name>config</name>
    <message>
        <source>The name of this recorder, in alerts, on pages and in the files it writes.</source>
        <translation>이 녹화기의 이름입니다. 경보, 화면, 기록되는 파일에 쓰입니다.</translation>
    </message>
    <message>
        <source>The time zone of the place, like `Europe/Berlin`, for local file names and for showing times; when not set, the machine&apos;s own.</source>
        <translation>설치 장소의 시간대입니다(예: `Europe/Berlin`). 현지 시각의 파일 이름과 시각 표시에 쓰이며, 정하지 않으면 컴퓨터의 시간대입니다.</translation>
    </message>
    <message>
        <source>When cameras are recorded: `always`, or weekly spans of local time, separated by semicolons. Days are `mon` to `sun`, `daily`, `weekdays`, `weekend`; a span that ends before it begins ends on the next day.</source>
        <translation>카메라를 녹화하는 때입니다. `always` 또는 현지 시각의 주간 구간을 세미콜론으로 구분해 적습니다. 요일은 `mon`~`sun`, `daily`, `weekdays`, `weekend`이며, 시작보다 먼저 끝나는 구간은 다음 날에 끝납니다.</translation>
    </message>
    <message>
        <source>How long one file gets before the next is begun, at a keyframe.</source>
        <translation>파일 하나의 길이입니다. 이만큼 지나면 키프레임에서 다음 파일을 시작합니다.</translation>
    </message>
    <message>
        <source>How large one file gets before the next is begun; whichever of time and size comes first.</source>
        <translation>파일 하나의 최대 크기입니다. 시간과 크기 중 먼저 닿는 쪽에서 다음 파일을 시작합니다.</translation>
    </message>
    <message>
        <source>Begin files at whole multiples of `rotation` on the wall clock (12:00, 12:10, …).</source>
        <translation>파일을 시계의 `rotation` 배수 시각(12:00, 12:10, …)에 맞춰 시작합니다.</translation>
    </message>
    <message>
        <source>Shift each camera&apos;s file changes by its own share of `rotation`, so that they do not all happen at once.</source>
        <translation>모든 카메라의 파일이 한꺼번에 바뀌지 않도록, 카메라마다 `rotation`의 일부만큼 시점을 늦춥니다.</translation>
    </message>
    <message>
        <source>The unit of writing: after this long, what came in goes to the disk, whatever the keyframe interval.</source>
        <translation>쓰기의 단위입니다. 키프레임 간격과 상관없이 이 시간마다 들어온 것을 디스크에 씁니다.</translation>
    </message>
    <message>
        <source>How often what was written is forced onto the disk. `fragment` and `sync` bound what a power cut takes.</source>
        <translation>쓴 것을 얼마나 자주 디스크에 확정하는지입니다. `fragment`와 `sync`가 정전으로 잃을 수 있는 양을 정합니다.</translation>
    </message>
    <message>
        <source>The time in file and folder names: `utc`, or `local` (see `installation.timezone`).</source>
        <translation>파일과 폴더 이름의 시각입니다. `utc` 또는 `local`(`installation.timezone` 참고).</translation>
    </message>
    <message>
        <source>How long a connection, or an answer to a request, may take.</source>
        <translation>연결이나 요청의 응답을 기다리는 최대 시간입니다.</translation>
    </message>
    <message>
        <source>How long frames must flow before the camera counts as well again and the backoff starts over.</source>
        <translation>프레임이 이만큼 계속 들어와야 카메라가 다시 정상으로 여겨지고 재시도 간격이 처음으로 돌아갑니다.</translation>
    </message>
    <message>
        <source>How long a camera may be silent before it counts as stalled and is connected anew.</source>
        <translation>카메라가 이만큼 조용하면 멈춘 것으로 보고 다시 연결합니다.</translation>
    </message>
    <message>
        <source>How often arrived frames are collected while nobody watches. Longer costs less processor time.</source>
        <translation>아무도 보지 않을 때 도착한 프레임을 모으는 간격입니다. 길수록 프로세서를 덜 씁니다.</translation>
    </message>
    <message>
        <source>How often arrived frames are collected while somebody watches; bounds the delay it adds to the picture.</source>
        <translation>누군가 보고 있을 때 도착한 프레임을 모으는 간격입니다. 화면에 더해지는 지연을 제한합니다.</translation>
    </message>
    <message>
        <source>The wait after the first failure.</source>
        <translation>첫 실패 뒤에 기다리는 시간입니다.</translation>
    </message>
    <message>
        <source>The longest wait.</source>
        <translation>가장 길게 기다리는 시간입니다.</translation>
    </message>
    <message>
        <source>By how much each wait is longer than the one before.</source>
        <translation>기다리는 시간이 매번 앞선 것보다 몇 배 길어지는지입니다.</translation>
    </message>
    <message>
        <source>Choose each wait at random between nothing and its full length, so that cameras do not come all at once.</source>
        <translation>카메라들이 한꺼번에 몰리지 않도록, 매번 0부터 전체 길이 사이에서 무작위로 골라 기다립니다.</translation>
    </message>
    <message>
        <source>After so many failures in a row the camera is shown as disconnected. It is still retried.</source>
        <translation>연달아 이만큼 실패하면 카메라를 끊긴 것으로 표시합니다. 재시도는 계속합니다.</translation>
    </message>
    <message>
        <source>Stop trying after `max_retries`, until somebody restarts the camera.</source>
        <translation>`max_retries` 뒤에는 누군가 카메라를 다시 시작할 때까지 시도를 멈춥니다.</translation>
    </message>
    <message>
        <source>How much of each camera is kept: a disk may be away this long without a frame being lost.</source>
        <translation>카메라마다 메모리에 보관하는 길이입니다. 디스크가 이만큼 없어져도 한 프레임도 잃지 않습니다.</translation>
    </message>
    <message>
        <source>The most memory that all cameras together may take for it. `auto` is the smaller of 1 GiB and a quarter of the machine&apos;s memory.</source>
        <translation>모든 카메라가 함께 쓸 수 있는 최대 메모리입니다. `auto`는 1 GiB와 컴퓨터 메모리의 4분의 1 중 작은 쪽입니다.</translation>
    </message>
    <message>
        <source>The most memory that one process may take; one that takes more is replaced, which costs its cameras a second. `auto` is, for a recorder, 256 MiB and one and a half times its share of the ring&apos;s budget, for the others 512 MiB, and never more than four fifths of what the machine, or the control group it runs in, has.</source>
        <translation>프로세스 하나가 쓸 수 있는 최대 메모리입니다. 넘으면 새 프로세스로 바꾸며, 그 카메라들은 1초를 잃습니다. `auto`는 녹화 프로세스에서는 256 MiB에 링 예산의 자기 몫의 1.5배를 더한 값, 나머지는 512 MiB이며, 컴퓨터나 속한 제어 그룹이 가진 것의 5분의 4를 넘지 않습니다.</translation>
    </message>
    <message>
        <source>How often a volume is probed.</source>
        <translation>볼륨을 검사하는 간격입니다.</translation>
    </message>
    <message>
        <source>How long a probe may take before the volume counts as not answering.</source>
        <translation>검사가 이만큼 걸리면 볼륨이 응답하지 않는 것으로 봅니다.</translation>
    </message>
    <message>
        <source>How long a write or sync may take before the volume counts as hung and recording moves elsewhere.</source>
        <translation>쓰기나 동기화가 이만큼 걸리면 볼륨이 멈춘 것으로 보고 녹화를 다른 곳으로 옮깁니다.</translation>
    </message>
    <message>
        <source>With less free space than this, nothing more is recorded onto a volume.</source>
        <translation>남은 공간이 이보다 적으면 그 볼륨에 더 녹화하지 않습니다.</translation>
    </message>
    <message>
        <source>A volume that was too full is used again from this much free space on.</source>
        <translation>가득 찼던 볼륨은 남은 공간이 이만큼 되면 다시 쓰입니다.</translation>
    </message>
    <message>
        <source>How long to wait between attempts to use a volume that failed.</source>
        <translation>실패한 볼륨을 다시 시도하기까지 기다리는 시간입니다.</translation>
    </message>
    <message>
        <source>How many such attempts are made in a row. After them the volume is used again as soon as it is noticed to be back, by the kernel&apos;s news or by a probe.</source>
        <translation>연달아 시도하는 횟수입니다. 그 뒤에는 커널의 알림이나 검사로 볼륨이 돌아온 것이 알려지는 즉시 다시 쓰입니다.</translation>
    </message>
    <message>
        <source>How many bytes per second are read at most while footage comes home from another volume; each byte is read twice. It goes slower by itself while recording keeps a volume busy.</source>
        <translation>다른 볼륨에서 영상이 제자리로 돌아올 때 초당 읽는 최대 바이트입니다. 모든 바이트를 두 번 읽습니다. 녹화로 볼륨이 바쁘면 저절로 느려집니다.</translation>
    </message>
    <message>
        <source>Listen to the kernel&apos;s news of mounts and devices.</source>
        <translation>마운트와 장치에 관한 커널의 알림을 듣습니다.</translation>
    </message>
    <message>
        <source>Write to the volume now and then, with a deadline. One that is in trouble is looked at all the same.</source>
        <translation>가끔 기한을 두고 볼륨에 써 봅니다. 문제가 있는 볼륨은 그래도 살펴봅니다.</translation>
    </message>
    <message>
        <source>Check identity, mount, permission and space before each new file.</source>
        <translation>새 파일마다 그 전에 식별, 마운트, 권한, 공간을 확인합니다.</translation>
    </message>
    <message>
        <source>Learn from the error codes of failed writes.</source>
        <translation>실패한 쓰기의 오류 코드로 알아챕니다.</translation>
    </message>
    <message>
        <source>Watch the free space.</source>
        <translation>남은 공간을 살핍니다.</translation>
    </message>
    <message>
        <source>Footage older than this is deleted, however much room there is.</source>
        <translation>이보다 오래된 영상은 공간이 남아 있어도 삭제됩니다.</translation>
    </message>
    <message>
        <source>Footage younger than this is not deleted for want of space or because of a quota; see `emergency_age`.</source>
        <translation>이보다 새로운 영상은 공간 부족이나 할당량 때문에 삭제되지 않습니다. `emergency_age` 참고.</translation>
    </message>
    <message>
        <source>How much one camera may have on all volumes together; its oldest goes when it has more.</source>
        <translation>카메라 하나가 모든 볼륨에서 가질 수 있는 양입니다. 넘으면 가장 오래된 것부터 삭제됩니다.</translation>
    </message>
    <message>
        <source>With less free space than this on a volume, its oldest footage is deleted. On a small volume less is enough: see `docs/design/retention.md`.</source>
        <translation>볼륨의 남은 공간이 이보다 적으면 가장 오래된 영상을 삭제합니다. 작은 볼륨에서는 더 적어도 됩니다(`docs/design/retention.md` 참고).</translation>
    </message>
    <message>
        <source>The same as a share of the volume, in percent; the larger of the two counts.</source>
        <translation>같은 것을 볼륨의 백분율로 정합니다. 둘 중 큰 쪽이 적용됩니다.</translation>
    </message>
    <message>
        <source>How much more than that is made free once it has begun.</source>
        <translation>삭제를 시작하면 그보다 얼마나 더 비우는지입니다.</translation>
    </message>
    <message>
        <source>On a volume that is too full to be recorded to, footage older than this is not kept back by `min_age`.</source>
        <translation>너무 가득 차서 녹화할 수 없는 볼륨에서는, 이보다 오래된 영상은 `min_age`로도 지켜지지 않습니다.</translation>
    </message>
    <message>
        <source>How often everything is looked through. A volume whose space runs out is seen to at once.</source>
        <translation>전체를 살펴보는 간격입니다. 공간이 부족해진 볼륨은 곧바로 처리합니다.</translation>
    </message>
    <message>
        <source>Read everything again now and then, in the background, and compare it with its hash.</source>
        <translation>뒤에서 가끔 모든 것을 다시 읽어 해시와 비교합니다.</translation>
    </message>
    <message>
        <source>How many bytes per second are read at most. It goes slower by itself while recording keeps a volume busy.</source>
        <translation>초당 읽는 최대 바이트입니다. 녹화로 볼륨이 바쁘면 저절로 느려집니다.</translation>
    </message>
    <message>
        <source>When a file that was checked is checked again. A large archive takes longer at a low rate: 10 TB at 4 MB/s are 29 days.</source>
        <translation>검사한 파일을 다시 검사하는 때입니다. 속도가 낮고 보관량이 많으면 더 걸립니다. 10 TB는 4 MB/s로 29일입니다.</translation>
    </message>
    <message>
        <source>Also decode a sample of what is checked, one group of pictures at a time, to see that pictures come out. In a process of its own that runs only while nobody else wants the processor; without a decoder it is left out.</source>
        <translation>검사하는 것 중 표본을 디코딩하여(한 번에 픽처 그룹 하나) 화면이 나오는지도 봅니다. 프로세서를 아무도 쓰지 않을 때만 도는 별도 프로세스에서 하며, 디코더가 없으면 하지 않습니다.</translation>
    </message>
    <message>
        <source>How often that is done at most. A group of 1080p takes about half a second of one core: every ten minutes that is 0.1 %.</source>
        <translation>그것을 하는 최소 간격입니다. 1080p 그룹 하나에 코어 하나로 약 0.5초가 걸리므로, 10분마다 하면 0.1 %입니다.</translation>
    </message>
    <message>
        <source>What happens to the picture while the camera is away: `input-selector` switches within one pipeline, `restart` makes another pipeline, `fallbacksrc` leaves it to the GStreamer element of that name, which Debian 12 lacks.</source>
        <translation>카메라가 없는 동안 화면이 어떻게 되는지입니다. `input-selector`는 한 파이프라인 안에서 전환하고, `restart`는 다른 파이프라인을 만들며, `fallbacksrc`는 같은 이름의 GStreamer 요소에 맡깁니다(Debian 12에는 없음).</translation>
    </message>
    <message>
        <source>What is shown meanwhile: `card` (no signal, since when, when the next attempt is), `snow`, the path of a picture, or a URI (`file://…`, `https://…`).</source>
        <translation>그동안 보여 줄 것입니다. `card`(신호 없음, 언제부터, 다음 시도), `snow`, 그림의 경로, 또는 URI(`file://…`, `https://…`).</translation>
    </message>
    <message>
        <source>How long the picture may stand still before the fallback is shown. It is shown sooner when the camera is known to be away.</source>
        <translation>화면이 이만큼 멈춰 있으면 대체 화면을 보여 줍니다. 카메라가 없는 것이 알려져 있으면 더 일찍 보여 줍니다.</translation>
    </message>
    <message>
        <source>How long a source may yield nothing before the view opens it anew.</source>
        <translation>소스에서 이만큼 아무것도 오지 않으면 다시 엽니다.</translation>
    </message>
    <message>
        <source>How long to wait before a source that failed is opened again; each further failure doubles it, up to 5 s. A camera that was away and answers again is not kept waiting.</source>
        <translation>실패한 소스를 다시 열기까지 기다리는 시간입니다. 실패할 때마다 두 배가 되며 5초까지입니다. 없어졌다가 다시 응답하는 카메라는 기다리게 하지 않습니다.</translation>
    </message>
    <message>
        <source>Which decoder to use: `auto` (the hardware&apos;s where there is one), `software`, or the name of a GStreamer element. One that keeps failing is replaced by the next best.</source>
        <translation>사용할 디코더입니다. `auto`(있으면 하드웨어), `software`, 또는 GStreamer 요소의 이름. 계속 실패하는 것은 다음으로 좋은 것으로 바뀝니다.</translation>
    </message>
    <message>
        <source>How long a camera&apos;s sub stream stays open after its last viewer has left.</source>
        <translation>마지막 시청자가 떠난 뒤 카메라의 보조 스트림을 열어 두는 시간입니다.</translation>
    </message>
    <message>
        <source>How far a slow viewer may fall behind before it skips to the newest keyframe.</source>
        <translation>느린 시청자가 이만큼 뒤처지면 가장 새로운 키프레임으로 건너뜁니다.</translation>
    </message>
    <message>
        <source>Whether there is one.</source>
        <translation>사용할지 정합니다.</translation>
    </message>
    <message>
        <source>Where it listens: an address of this machine and a port; `127.0.0.1` is for this machine only, `0.0.0.0` for every network it is in. With port 0 it takes one that is free; `run/hub.json` in the data directory says which.</source>
        <translation>수신 주소입니다. 이 컴퓨터의 주소와 포트를 적습니다. `127.0.0.1`은 이 컴퓨터에서만, `0.0.0.0`은 속한 모든 네트워크에서 접속할 수 있습니다. 포트 0이면 빈 것을 골라 쓰며, 데이터 폴더의 `run/hub.json`에 적힙니다.</translation>
    </message>
    <message>
        <source>`off`: plain HTTP. `auto`: HTTPS, with a certificate that it signs itself and that browsers warn of. `files`: HTTPS with the certificate in `certificate` and `key`.</source>
        <translation>`off`: 일반 HTTP. `auto`: 스스로 서명한 인증서의 HTTPS(브라우저가 경고함). `files`: `certificate`와 `key`의 인증서를 쓰는 HTTPS.</translation>
    </message>
    <message>
        <source>For `tls = &quot;files&quot;`: the file with the certificate and those that vouch for it, PEM.</source>
        <translation>`tls = &quot;files&quot;`일 때: 인증서와 이를 보증하는 인증서가 든 파일(PEM).</translation>
    </message>
    <message>
        <source>For `tls = &quot;files&quot;`: the file with its private key, PEM, without a password.</source>
        <translation>`tls = &quot;files&quot;`일 때: 개인 키가 든 파일(PEM, 비밀번호 없음).</translation>
    </message>
    <message>
        <source>Further names, separated by commas, by which browsers reach this machine. They always may use its addresses, `localhost`, its own name and `NAME.local`; under another name nothing is answered, because that name may be somebody else&apos;s trick (DNS rebinding).</source>
        <translation>브라우저가 이 컴퓨터에 접속할 수 있는 다른 이름들을 쉼표로 구분해 적습니다. 컴퓨터의 주소, `localhost`, 자기 이름, `이름.local`은 언제나 됩니다. 다른 이름으로는 응답하지 않는데, 남의 속임수(DNS 리바인딩)일 수 있기 때문입니다.</translation>
    </message>
    <message>
        <source>The addresses, separated by commas, of reverse proxies that pass requests on. Of them, and of nobody else, it is believed which address a request comes from and whether it came by HTTPS (`X-Forwarded-For`, `-Proto`).</source>
        <translation>요청을 넘겨주는 리버스 프록시의 주소들을 쉼표로 구분해 적습니다. 요청이 어느 주소에서 왔는지, HTTPS로 왔는지(`X-Forwarded-For`, `-Proto`)는 이들의 말만 믿습니다.</translation>
    </message>
    <message>
        <source>Whether there is one. It needs GStreamer&apos;s RTSP server.</source>
        <translation>사용할지 정합니다. GStreamer의 RTSP 서버가 필요합니다.</translation>
    </message>
    <message>
        <source>Where it listens, like `hub.listen`; `rtsp://HOST:8554/CAMERA` is the main stream, `…/CAMERA/sub` the sub stream. Names and passwords are those of the page; in place of a password an API token will do. They travel in clear.</source>
        <translation>`hub.listen`과 같은 수신 주소입니다. `rtsp://HOST:8554/CAMERA`는 메인 스트림, `…/CAMERA/sub`는 보조 스트림입니다. 이름과 비밀번호는 웹 화면의 것과 같고, 비밀번호 대신 API 토큰도 됩니다. 암호화되지 않고 전송됩니다.</translation>
    </message>
    <message>
        <source>What begins or ends within so long is told in one message. That a camera is not recorded is an alert after 3 s, and told within 5 s of noticing unless this is longer.</source>
        <translation>이 시간 안에 시작되거나 끝난 것은 한 메시지로 알립니다. 카메라가 녹화되지 않는 것은 3초 뒤에 경보가 되며, 이 값이 더 길지 않으면 알아챈 지 5초 안에 알립니다.</translation>
    </message>
    <message>
        <source>When people sleep, like `22:00-06:30`, in the zone of the place: only what is critical is told then, the rest afterwards. When not set, never.</source>
        <translation>사람들이 자는 시간입니다(예: `22:00-06:30`, 설치 장소의 시간대). 이때는 심각한 것만 알리고 나머지는 나중에 알립니다. 정하지 않으면 없습니다.</translation>
    </message>
    <message>
        <source>In quiet hours not even what is critical is told.</source>
        <translation>방해 금지 시간에는 심각한 것도 알리지 않습니다.</translation>
    </message>
    <message>
        <source>Warn when a volume can hold fewer days of footage than this, at the rate of the last hours; 0: never.</source>
        <translation>최근 몇 시간의 속도로 볼륨에 이보다 적은 일수의 영상만 담을 수 있으면 경고합니다. 0: 경고하지 않음.</translation>
    </message>
    <message>
        <source>A URL that is fetched regularly while every camera that should be is recorded: whoever misses it raises the alarm when this machine, its power or its network is gone. With trouble it is not fetched.</source>
        <translation>녹화되어야 할 카메라가 모두 녹화되는 동안 주기적으로 불러오는 URL입니다. 이것이 끊긴 것을 알아챈 쪽이 이 컴퓨터, 전원, 네트워크가 없어졌음을 알립니다. 문제가 있으면 불러오지 않습니다.</translation>
    </message>
    <message>
        <source>How often it is fetched.</source>
        <translation>불러오는 간격입니다.</translation>
    </message>
    <message>
        <source>Where to, as [Apprise](https://github.com/caronc/apprise/wiki) writes it: `mailto://USER:PASSWORD@HOST?to=ANN`, `tgram://TOKEN/CHAT`, `slack://…`, `ntfy://…`, `json://HOST/PATH` for a webhook, and a hundred more.</source>
        <translation>보낼 곳입니다. [Apprise](https://github.com/caronc/apprise/wiki)의 형식을 씁니다: `mailto://USER:PASSWORD@HOST?to=ANN`, `tgram://TOKEN/CHAT`, `slack://…`, `ntfy://…`, 웹훅은 `json://HOST/PATH`, 그 밖에 백여 가지.</translation>
    </message>
    <message>
        <source>`all`, or `critical`: only when footage is lost, or could be.</source>
        <translation>`all`(모두) 또는 `critical`: 영상을 잃거나 잃을 수 있을 때만.</translation>
    </message>
    <message>
        <source>Whether to tell also when it is over.</source>
        <translation>끝났을 때도 알릴지 정합니다.</translation>
    </message>
    <message>
        <source>The broker, `HOST:PORT`; 1883 is the usual port. When not set, nothing is published.</source>
        <translation>브로커입니다(`HOST:PORT`). 보통 포트는 1883입니다. 정하지 않으면 아무것도 내보내지 않습니다.</translation>
    </message>
    <message>
        <source>The user to log in as.</source>
        <translation>로그인할 사용자입니다.</translation>
    </message>
    <message>
        <source>The password, in clear: only its owner should be able to read the configuration.</source>
        <translation>비밀번호가 그대로 저장됩니다. 설정 파일은 소유자만 읽을 수 있어야 합니다.</translation>
    </message>
    <message>
        <source>Whether to speak TLS with the broker.</source>
        <translation>브로커와 TLS로 통신할지 정합니다.</translation>
    </message>
    <message>
        <source>The first level of all topics.</source>
        <translation>모든 토픽의 첫 단계입니다.</translation>
    </message>
    <message>
        <source>Whether to announce everything as Home Assistant expects it.</source>
        <translation>Home Assistant가 기대하는 방식으로 모든 것을 알릴지 정합니다.</translation>
    </message>
    <message>
        <source>Under which topic Home Assistant listens for that.</source>
        <translation>Home Assistant가 그것을 듣는 토픽입니다.</translation>
    </message>
    <message>
        <source>`human`, `json`, or `auto`: human on a terminal, lines with priorities for systemd&apos;s journal, JSON otherwise.</source>
        <translation>`human`, `json`, 또는 `auto`: 터미널에서는 사람용, systemd 저널에는 우선순위가 붙은 줄, 그 밖에는 JSON.</translation>
    </message>
    <message>
        <source>The least important line that is still written: `debug`, `info`, `warning` or `error`.</source>
        <translation>기록할 가장 낮은 수준입니다: `debug`, `info`, `warning`, `error`.</translation>
    </message>
    <message>
        <source>The stream to record, `rtsp://…` or `rtsps://…`. It may hold user and password, percent-encoded.</source>
        <translation>녹화할 스트림입니다(`rtsp://…` 또는 `rtsps://…`). 사용자와 비밀번호를 퍼센트 인코딩으로 담을 수 있습니다.</translation>
    </message>
    <message>
        <source>A smaller stream of the same camera, for viewing; opened on demand, never recorded.</source>
        <translation>같은 카메라의 더 보조 스트림으로, 보기용입니다. 필요할 때만 열리며 녹화되지 않습니다.</translation>
    </message>
    <message>
        <source>The name for people, which may change at any time; when not set, the id.</source>
        <translation>사람을 위한 이름이며 언제든 바꿀 수 있습니다. 정하지 않으면 ID입니다.</translation>
    </message>
    <message>
        <source>The user to log in as, instead of one in the URLs.</source>
        <translation>URL에 있는 사용자 대신 로그인할 사용자입니다.</translation>
    </message>
    <message>
        <source>The password, in clear. Better: `password_file` or `password_env`.</source>
        <translation>비밀번호가 그대로 저장됩니다. `password_file`이나 `password_env`가 더 낫습니다.</translation>
    </message>
    <message>
        <source>The environment variable that holds the password.</source>
        <translation>비밀번호가 든 환경 변수입니다.</translation>
    </message>
    <message>
        <source>The file whose first line is the password; relative to the configuration&apos;s folder.</source>
        <translation>첫 줄이 비밀번호인 파일입니다. 설정 파일이 있는 폴더를 기준으로 합니다.</translation>
    </message>
    <message>
        <source>Whether this camera is used at all.</source>
        <translation>이 카메라를 사용할지 정합니다.</translation>
    </message>
    <message>
        <source>Whether to record it without being told to. Later on, `record start` and `record stop` say what is wished: for good, or, if there is a schedule, until its next change. `false`: by hand only, whatever the schedule.</source>
        <translation>지시가 없어도 녹화할지 정합니다. 그 뒤에는 `record start`와 `record stop`이 정하며, 계속 유지되거나, 예약이 있으면 다음 변경까지 유지됩니다. `false`: 예약과 상관없이 손으로만.</translation>
    </message>
    <message>
        <source>This camera&apos;s own `recording.schedule`; `always` takes it out of the general one.</source>
        <translation>이 카메라만의 `recording.schedule`입니다. `always`로 하면 공통 예약에서 벗어납니다.</translation>
    </message>
    <message>
        <source>The time zone its schedule is meant in; when not set, that of the installation.</source>
        <translation>이 카메라의 예약이 따르는 시간대입니다. 정하지 않으면 설치 장소의 시간대입니다.</translation>
    </message>
    <message>
        <source>Whether its sound is recorded too.</source>
        <translation>소리도 녹화할지 정합니다.</translation>
    </message>
    <message>
        <source>How the stream travels: `tcp` (inside the RTSP connection), or `udp`.</source>
        <translation>스트림의 전송 방식입니다: `tcp`(RTSP 연결 안) 또는 `udp`.</translation>
    </message>
    <message>
        <source>Which receiver to use: `direct` (Evertape&apos;s own, cheaper), `rtspsrc` (GStreamer&apos;s, knows more dialects), or `auto`: direct where it can.</source>
        <translation>사용할 수신기입니다: `direct`(Evertape의 것, 더 가벼움), `rtspsrc`(GStreamer의 것, 더 많은 변형을 앎), `auto`: 가능하면 direct.</translation>
    </message>
    <message>
        <source>How long packets are held to put late ones back in order.</source>
        <translation>늦게 온 패킷의 순서를 바로잡기 위해 패킷을 잡아 두는 시간입니다.</translation>
    </message>
    <message>
        <source>Whether the certificate of an `rtsps` camera is checked. Most cameras sign their own, which no check accepts.</source>
        <translation>`rtsps` 카메라의 인증서를 확인할지 정합니다. 카메라 대부분은 스스로 서명하므로 확인을 통과하지 못합니다.</translation>
    </message>
    <message>
        <source>How often the session is kept alive; cameras end one after 60 s of silence. Where one announces less, it is done as often as that needs (not by `rtspsrc` over TCP).</source>
        <translation>세션을 유지하는 간격입니다. 카메라는 60초 동안 조용하면 세션을 끝냅니다. 카메라가 더 짧게 알리면 그에 맞춥니다(TCP의 `rtspsrc`는 제외).</translation>
    </message>
    <message>
        <source>This camera&apos;s own `recording.rotation`.</source>
        <translation>이 카메라만의 `recording.rotation`입니다.</translation>
    </message>
    <message>
        <source>This camera&apos;s own `recording.rotation_size`.</source>
        <translation>이 카메라만의 `recording.rotation_size`입니다.</translation>
    </message>
    <message>
        <source>This camera&apos;s own `streaming.connect_timeout`.</source>
        <translation>이 카메라만의 `streaming.connect_timeout`입니다.</translation>
    </message>
    <message>
        <source>This camera&apos;s own `streaming.stall_timeout`.</source>
        <translation>이 카메라만의 `streaming.stall_timeout`입니다.</translation>
    </message>
    <message>
        <source>As `streaming.backoff.base`.</source>
        <translation>`streaming.backoff.base`와 같습니다.</translation>
    </message>
    <message>
        <source>As `streaming.backoff.cap`.</source>
        <translation>`streaming.backoff.cap`과 같습니다.</translation>
    </message>
    <message>
        <source>As `streaming.backoff.factor`.</source>
        <translation>`streaming.backoff.factor`와 같습니다.</translation>
    </message>
    <message>
        <source>As `streaming.backoff.jitter`.</source>
        <translation>`streaming.backoff.jitter`와 같습니다.</translation>
    </message>
    <message>
        <source>As `streaming.backoff.max_retries`.</source>
        <translation>`streaming.backoff.max_retries`와 같습니다.</translation>
    </message>
    <message>
        <source>As `streaming.backoff.give_up`.</source>
        <translation>`streaming.backoff.give_up`과 같습니다.</translation>
    </message>
    <message>
        <source>As `retention.max_age`.</source>
        <translation>`retention.max_age`와 같습니다.</translation>
    </message>
    <message>
        <source>As `retention.min_age`.</source>
        <translation>`retention.min_age`와 같습니다.</translation>
    </message>
    <message>
        <source>As `retention.quota`.</source>
        <translation>`retention.quota`와 같습니다.</translation>
    </message>
    <message>
        <source>The folder to record into, absolute: a mounted disk, or a folder on one.</source>
        <translation>녹화할 폴더의 절대 경로입니다. 마운트된 디스크 또는 그 안의 폴더입니다.</translation>
    </message>
    <message>
        <source>`primary`: recorded to whenever it can be. `spill`: recorded to while no primary can be; emptied afterwards. `retired`: not recorded to any more; its footage stays readable.</source>
        <translation>`primary`: 쓸 수 있으면 언제나 녹화합니다. `spill`: primary를 쓸 수 없는 동안 녹화하고 나중에 비웁니다. `retired`: 더 녹화하지 않으며 영상은 계속 볼 수 있습니다.</translation>
    </message>
    <message>
        <source>Whether `path` is a mount point, to be used only while something is mounted there. `false` allows an ordinary folder on the system&apos;s own disk. When not set: what was found at first use; a folder on the system&apos;s disk is refused.</source>
        <translation>`path`가 마운트 지점이며, 무언가 마운트되어 있을 때만 쓸지 정합니다. `false`는 시스템 디스크의 일반 폴더를 허용합니다. 정하지 않으면 처음 쓸 때 발견된 대로이며, 시스템 디스크의 폴더는 거부됩니다.</translation>
    </message>
</context>
<context>
    <name>events</name>
    <message>
        <source>The service started, version {0}</source>
        <translation>서비스가 시작되었습니다(버전 {0})</translation>
    </message>
    <message>
        <source>The service was stopped</source>
        <translation>서비스가 중지되었습니다</translation>
    </message>
    <message>
        <source>Process {0} started</source>
        <translation>프로세스 {0}이(가) 시작되었습니다</translation>
    </message>
    <message>
        <source>Process {0} ended by itself: {1}</source>
        <translation>프로세스 {0}이(가) 저절로 종료되었습니다: {1}</translation>
    </message>
    <message>
        <source>Stream {0}: {1}</source>
        <translation>스트림 {0}: {1}</translation>
    </message>
    <message>
        <source>Recording: {0}</source>
        <translation>녹화: {0}</translation>
    </message>
    <message>
        <source>Recording wanted, by {0}</source>
        <translation>녹화를 켰습니다({0})</translation>
    </message>
    <message>
        <source>Recording no longer wanted, by {0}</source>
        <translation>녹화를 껐습니다({0})</translation>
    </message>
    <message>
        <source>Volume {0}: {1}</source>
        <translation>볼륨 {0}: {1}</translation>
    </message>
    <message>
        <source>A file was begun: {0}</source>
        <translation>파일을 시작했습니다: {0}</translation>
    </message>
    <message>
        <source>A file was finished: {0}, {1}</source>
        <translation>파일을 마무리했습니다: {0}, {1}</translation>
    </message>
    <message>
        <source>A file was cut where another goes on: {0}</source>
        <translation>다른 파일이 이어지는 곳에서 파일을 잘랐습니다: {0}</translation>
    </message>
    <message>
        <source>A file is missing: {0}</source>
        <translation>파일이 사라졌습니다: {0}</translation>
    </message>
    <message>
        <source>A file was deleted: {0}</source>
        <translation>파일을 삭제했습니다: {0}</translation>
    </message>
    <message>
        <source>A file came home: {0}</source>
        <translation>파일을 원래 볼륨으로 옮겼습니다: {0}</translation>
    </message>
    <message>
        <source>A file was verified: {0}</source>
        <translation>파일을 검증했습니다: {0}</translation>
    </message>
    <message>
        <source>A file is damaged: {0}: {1}</source>
        <translation>파일이 손상되었습니다: {0}: {1}</translation>
    </message>
    <message>
        <source>The time of a file is known better now: {0}</source>
        <translation>파일의 시각을 더 정확히 바로잡았습니다: {0}</translation>
    </message>
    <message>
        <source>{0} protected footage: {1}</source>
        <translation>{0}이(가) 영상을 보호했습니다: {1}</translation>
    </message>
    <message>
        <source>{0} ended a protection</source>
        <translation>{0}이(가) 보호를 해제했습니다</translation>
    </message>
    <message>
        <source>Volume {0}: {1} files were deleted, {2} freed</source>
        <translation>볼륨 {0}: 파일 {1}개를 삭제해 {2}를 확보했습니다</translation>
    </message>
    <message>
        <source>Footage is missing from now on: {0}</source>
        <translation>지금부터 영상이 없습니다: {0}</translation>
    </message>
    <message>
        <source>Footage is back: {0}; {1} s are missing</source>
        <translation>영상이 다시 이어집니다: {0}, {1}초 누락</translation>
    </message>
    <message>
        <source>The writer was replaced after {0} s: {1}</source>
        <translation>{0}초 만에 기록기를 교체했습니다: {1}</translation>
    </message>
    <message>
        <source>Over: {0}</source>
        <translation>해제: {0}</translation>
    </message>
    <message>
        <source>Alert: {0}</source>
        <translation>경보: {0}</translation>
    </message>
    <message>
        <source>A clock was stepped by {0} s</source>
        <translation>시계가 {0}초 변경되었습니다</translation>
    </message>
    <message>
        <source>Times were corrected by {0} s</source>
        <translation>시각을 {0}초 바로잡았습니다</translation>
    </message>
    <message>
        <source>The configuration was changed: {0}</source>
        <translation>설정이 변경되었습니다: {0}</translation>
    </message>
    <message>
        <source>The configuration has mistakes; the old one stays in force</source>
        <translation>설정에 잘못이 있어 이전 설정을 유지합니다</translation>
    </message>
</context>
<context>
    <name>evertape</name>
    <message>
        <source>REC</source>
        <translation>녹화</translation>
    </message>
    <message>
        <source>WAITS</source>
        <translation>대기</translation>
    </message>
    <message>
        <source>No connection to the recorder</source>
        <translation>녹화기에 연결되어 있지 않음</translation>
    </message>
    <message>
        <source>Switched off</source>
        <translation>사용 안 함</translation>
    </message>
    <message>
        <source>It cannot be shown here</source>
        <translation>여기에 표시할 수 없습니다</translation>
    </message>
    <message>
        <source>Connecting …</source>
        <translation>연결하는 중 …</translation>
    </message>
    <message>
        <source>No signal</source>
        <translation>신호 없음</translation>
    </message>
    <message>
        <source>since {0} ({1})</source>
        <translation>{0}부터 ({1})</translation>
    </message>
    <message>
        <source>trying now</source>
        <translation>지금 시도하는 중</translation>
    </message>
    <message>
        <source>next try in {0} s</source>
        <translation>{0}초 후 다시 시도</translation>
    </message>
    <message>
        <source>Recorded</source>
        <translation>녹화됨</translation>
    </message>
    <message>
        <source>Recorded to a spill disk</source>
        <translation>예비 볼륨에 녹화됨</translation>
    </message>
    <message>
        <source>Not wanted</source>
        <translation>녹화 대상 아님</translation>
    </message>
    <message>
        <source>Gap: recorder</source>
        <translation>공백: 장치 또는 프로그램</translation>
    </message>
    <message>
        <source>Gap: camera</source>
        <translation>공백: 카메라 또는 네트워크</translation>
    </message>
    <message>
        <source>Gap: storage</source>
        <translation>공백: 저장소</translation>
    </message>
    <message>
        <source>Gap: damaged</source>
        <translation>공백: 나중에 잃음</translation>
    </message>
    <message>
        <source>Gap: unknown</source>
        <translation>공백: 원인 불명</translation>
    </message>
    <message>
        <source>USB Disconnected</source>
        <translation>USB 연결 끊김</translation>
    </message>
    <message>
        <source>Not Mounted</source>
        <translation>마운트되지 않음</translation>
    </message>
    <message>
        <source>Permission Denied</source>
        <translation>권한 없음</translation>
    </message>
    <message>
        <source>Directory Not Found</source>
        <translation>폴더 없음</translation>
    </message>
    <message>
        <source>Not Available</source>
        <translation>사용할 수 없음</translation>
    </message>
    <message>
        <source>Read-Only</source>
        <translation>읽기 전용</translation>
    </message>
    <message>
        <source>I/O Error</source>
        <translation>입출력 오류</translation>
    </message>
    <message>
        <source>Not Responding</source>
        <translation>응답 없음</translation>
    </message>
    <message>
        <source>Wrong Volume</source>
        <translation>다른 볼륨</translation>
    </message>
    <message>
        <source>Low Space</source>
        <translation>공간 부족</translation>
    </message>
    <message>
        <source>Error</source>
        <translation>오류</translation>
    </message>
    <message>
        <source>⚠ Storage: {0}</source>
        <translation>⚠ 저장소: {0}</translation>
    </message>
    <message>
        <source>Free: {0}</source>
        <translation>남은 공간: {0}</translation>
    </message>
    <message>
        <source>Disk Usage: {0} (1 file) | {2}</source>
        <translation>디스크 사용량: {0} (파일 1개) | {2}</translation>
    </message>
    <message>
        <source>Disk Usage: {0} ({1} files) | {2}</source>
        <translation>디스크 사용량: {0} (파일 {1}개) | {2}</translation>
    </message>
    <message>
        <source>⚠ Low Space: {0} GB</source>
        <translation>⚠ 공간 부족: {0} GB</translation>
    </message>
    <message>
        <source>Recording device removed - insert device to resume recording</source>
        <translation>녹화 장치가 제거되었습니다 - 장치를 연결하면 녹화를 재개합니다</translation>
    </message>
    <message>
        <source>Recording device not there - insert or mount it to record</source>
        <translation>녹화 장치가 없습니다 - 연결하거나 마운트하면 녹화합니다</translation>
    </message>
    <message>
        <source>Recording device may not be written - give permission to resume recording</source>
        <translation>녹화 장치에 쓸 권한이 없습니다 - 권한을 주면 녹화를 재개합니다</translation>
    </message>
    <message>
        <source>Recording folder not found - make it again to resume recording</source>
        <translation>녹화 폴더가 없습니다 - 다시 만들면 녹화를 재개합니다</translation>
    </message>
    <message>
        <source>Recording device not available - switch it on or connect it to resume recording</source>
        <translation>녹화 장치를 사용할 수 없습니다 - 켜거나 연결하면 녹화를 재개합니다</translation>
    </message>
    <message>
        <source>Recording device is read-only - check the disk to resume recording</source>
        <translation>녹화 장치가 읽기 전용입니다 - 녹화를 재개하려면 디스크를 점검하십시오</translation>
    </message>
    <message>
        <source>Recording device reports errors - check its cable and health</source>
        <translation>녹화 장치에서 오류가 납니다 - 케이블과 상태를 확인하십시오</translation>
    </message>
    <message>
        <source>Recording device does not respond - check its cable and power</source>
        <translation>녹화 장치가 응답하지 않습니다 - 케이블과 전원을 확인하십시오</translation>
    </message>
    <message>
        <source>Another disk is in place of the recording device - put the right one back</source>
        <translation>녹화 장치 자리에 다른 디스크가 있습니다 - 원래 디스크를 연결하십시오</translation>
    </message>
    <message>
        <source>Recording device is full - free space to resume recording</source>
        <translation>녹화 장치가 가득 찼습니다 - 공간을 확보하면 녹화를 재개합니다</translation>
    </message>
    <message>
        <source>Recording device cannot be used</source>
        <translation>녹화 장치를 사용할 수 없습니다</translation>
    </message>
    <message>
        <source>The spare volume cannot be used: {0}</source>
        <translation>예비 볼륨을 사용할 수 없습니다: {0}</translation>
    </message>
    <message>
        <source>Plug the disk in again: recording returns to it by itself.</source>
        <translation>디스크를 다시 연결하십시오. 녹화는 저절로 그 디스크로 돌아갑니다.</translation>
    </message>
    <message>
        <source>Plug the disk in, or mount it.</source>
        <translation>디스크를 연결하거나 마운트하십시오.</translation>
    </message>
    <message>
        <source>Let the user Evertape runs as write there; evertape doctor names the user.</source>
        <translation>Evertape를 실행하는 사용자가 여기에 쓸 수 있게 하십시오. evertape doctor 명령이 그 사용자를 알려 줍니다.</translation>
    </message>
    <message>
        <source>Make the folder again, or correct its path in the settings.</source>
        <translation>폴더를 다시 만들거나 설정의 경로를 고치십시오.</translation>
    </message>
    <message>
        <source>See whether the device or the server behind it is on and connected.</source>
        <translation>경로가 가리키는 장치나 서버가 켜져 있고 연결되어 있는지 확인하십시오.</translation>
    </message>
    <message>
        <source>Check the disk (dmesg, fsck), then mount it so that it can be written.</source>
        <translation>디스크를 점검한 다음(dmesg, fsck) 쓸 수 있게 마운트하십시오.</translation>
    </message>
    <message>
        <source>Look at its cable, power and health (dmesg, smartctl); replace it if it fails.</source>
        <translation>디스크의 케이블, 전원, 상태를 확인하고(dmesg, smartctl) 고장이면 바꾸십시오.</translation>
    </message>
    <message>
        <source>Look at its cable and power, or at the network behind it.</source>
        <translation>디스크의 케이블과 전원, 또는 그 뒤의 네트워크를 확인하십시오.</translation>
    </message>
    <message>
        <source>Put the right disk there; to record to this one, add it as another volume.</source>
        <translation>원래 디스크를 연결하십시오. 이 디스크에 녹화하려면 새 볼륨으로 추가하십시오.</translation>
    </message>
    <message>
        <source>Free space there; the oldest footage goes by itself.</source>
        <translation>공간을 확보하십시오. 가장 오래된 영상은 저절로 삭제됩니다.</translation>
    </message>
    <message>
        <source>evertape volume check says more.</source>
        <translation>evertape volume check 명령으로 자세히 볼 수 있습니다.</translation>
    </message>
    <message>
        <source>attempt {0} now</source>
        <translation>지금 {0}번째 시도</translation>
    </message>
    <message>
        <source>attempt {0} in {1} s</source>
        <translation>{1}초 뒤 {0}번째 시도</translation>
    </message>
    <message>
        <source>set – type to replace it</source>
        <translation>설정됨 – 바꾸려면 입력</translation>
    </message>
    <message>
        <source>not set</source>
        <translation>설정 안 됨</translation>
    </message>
    <message>
        <source>yes</source>
        <translation>예</translation>
    </message>
    <message>
        <source>no</source>
        <translation>아니요</translation>
    </message>
    <message>
        <source>Allowed: {0}.</source>
        <translation>허용: {0}.</translation>
    </message>
    <message>
        <source>Usually {0}.</source>
        <translation>보통 {0}.</translation>
    </message>
    <message>
        <source>always, or weekly spans like mon-fri 07:30-19:00; sat 22:00-04:00</source>
        <translation>always, 또는 mon-fri 07:30-19:00; sat 22:00-04:00 같은 주간 구간</translation>
    </message>
    <message>
        <source>{0} to {1}, or {2}</source>
        <translation>{0}~{1}, 또는 {2}</translation>
    </message>
    <message>
        <source>{0} to {1}</source>
        <translation>{0}~{1}</translation>
    </message>
    <message>
        <source>Use the default</source>
        <translation>기본값 사용</translation>
    </message>
    <message>
        <source>Use the default for {0}</source>
        <translation>{0}: 기본값 사용</translation>
    </message>
    <message>
        <source>also: {0}</source>
        <translation>함께 쓰는 것: {0}</translation>
    </message>
    <message>
        <source>a keyframe every {0} s</source>
        <translation>{0}초마다 키프레임</translation>
    </message>
    <message>
        <source>sound: {0}</source>
        <translation>소리: {0}</translation>
    </message>
    <message>
        <source>no sound</source>
        <translation>소리 없음</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>시작 중</translation>
    </message>
    <message>
        <source>Camera unreachable</source>
        <translation>카메라 응답 없음</translation>
    </message>
    <message>
        <source>Stream stalled</source>
        <translation>영상 멈춤</translation>
    </message>
    <message>
        <source>Stream damaged</source>
        <translation>영상 손상</translation>
    </message>
    <message>
        <source>Stream not found</source>
        <translation>스트림 없음</translation>
    </message>
    <message>
        <source>Codec not supported</source>
        <translation>지원하지 않는 코덱</translation>
    </message>
    <message>
        <source>Camera error</source>
        <translation>카메라 오류</translation>
    </message>
    <message>
        <source>Same stream twice</source>
        <translation>같은 스트림</translation>
    </message>
    <message>
        <source>Storage missing</source>
        <translation>저장소 없음</translation>
    </message>
    <message>
        <source>Wrong disk</source>
        <translation>다른 디스크</translation>
    </message>
    <message>
        <source>Storage full</source>
        <translation>저장소 가득 참</translation>
    </message>
    <message>
        <source>Storage forbidden</source>
        <translation>저장소 권한 없음</translation>
    </message>
    <message>
        <source>Storage read-only</source>
        <translation>읽기 전용 저장소</translation>
    </message>
    <message>
        <source>Disk errors</source>
        <translation>디스크 오류</translation>
    </message>
    <message>
        <source>Storage hung</source>
        <translation>디스크 무응답</translation>
    </message>
    <message>
        <source>Storage slow</source>
        <translation>느린 저장소</translation>
    </message>
    <message>
        <source>Process crashed</source>
        <translation>프로세스 비정상 종료</translation>
    </message>
    <message>
        <source>Out of memory</source>
        <translation>메모리 부족</translation>
    </message>
    <message>
        <source>Recorder hung</source>
        <translation>녹화기 멈춤</translation>
    </message>
    <message>
        <source>Machine down</source>
        <translation>장치 꺼짐</translation>
    </message>
    <message>
        <source>Service stopped</source>
        <translation>서비스 중지</translation>
    </message>
    <message>
        <source>Error of Evertape</source>
        <translation>Evertape 오류</translation>
    </message>
    <message>
        <source>Clock jump</source>
        <translation>시계 변경</translation>
    </message>
    <message>
        <source>Settings changed</source>
        <translation>설정 변경</translation>
    </message>
    <message>
        <source>Stopped by person</source>
        <translation>사람이 중지</translation>
    </message>
    <message>
        <source>Not asked for yet</source>
        <translation>녹화 요청 전</translation>
    </message>
    <message>
        <source>Outside schedule</source>
        <translation>예약 시간 아님</translation>
    </message>
    <message>
        <source>Deleted by the rules</source>
        <translation>규칙에 따라 삭제</translation>
    </message>
    <message>
        <source>Removed by person</source>
        <translation>사람이 삭제</translation>
    </message>
    <message>
        <source>Footage missing</source>
        <translation>파일 없음</translation>
    </message>
    <message>
        <source>Footage damaged</source>
        <translation>파일 손상</translation>
    </message>
    <message>
        <source>Unknown cause</source>
        <translation>원인 불명</translation>
    </message>
    <message>
        <source>Evertape had not been asked to record this camera yet; what there is came from another recorder.</source>
        <translation>Evertape에 이 카메라의 녹화를 아직 요청하지 않은 때입니다. 있는 영상은 다른 녹화기에서 가져온 것입니다.</translation>
    </message>
    <message>
        <source>Waits until somebody asks for it.</source>
        <translation>누군가 요청할 때까지 기다립니다.</translation>
    </message>
    <message>
        <source>Recorded from when somebody asked for it.</source>
        <translation>누군가 요청한 때부터 녹화했습니다.</translation>
    </message>
    <message>
        <source>Recording had been asked for and the first picture had not come yet.</source>
        <translation>녹화가 요청되었지만 첫 화면이 아직 오지 않았습니다.</translation>
    </message>
    <message>
        <source>Nothing, unless it lasts.</source>
        <translation>오래 지속되지 않으면 하실 일은 없습니다.</translation>
    </message>
    <message>
        <source>Waits for the first keyframe.</source>
        <translation>첫 키프레임을 기다립니다.</translation>
    </message>
    <message>
        <source>Recorded from the first keyframe on.</source>
        <translation>첫 키프레임부터 녹화했습니다.</translation>
    </message>
    <message>
        <source>The camera did not answer, or broke the connection.</source>
        <translation>카메라가 응답하지 않거나 연결을 끊었습니다.</translation>
    </message>
    <message>
        <source>Check the camera&apos;s power, its network cable and its address.</source>
        <translation>카메라의 전원, 네트워크 케이블, 주소를 확인하십시오.</translation>
    </message>
    <message>
        <source>Asks the camera twice a second, and connects as soon as it answers.</source>
        <translation>1초에 두 번 카메라에 응답을 묻고, 응답하는 즉시 다시 연결합니다.</translation>
    </message>
    <message>
        <source>Connected again, and recorded on.</source>
        <translation>다시 연결해 녹화를 이어 갔습니다.</translation>
    </message>
    <message>
        <source>The connection stood, but no picture came.</source>
        <translation>연결은 유지되었지만 영상이 오지 않았습니다.</translation>
    </message>
    <message>
        <source>Check the network between here and the camera, and restart the camera if it happens again.</source>
        <translation>이 장치와 카메라 사이의 네트워크를 확인하고, 반복되면 카메라를 다시 시작하십시오.</translation>
    </message>
    <message>
        <source>Parts of the stream never arrived, and the pictures that needed them were left out.</source>
        <translation>스트림의 일부가 도착하지 않아, 그 부분이 필요한 화면은 제외했습니다.</translation>
    </message>
    <message>
        <source>Look for a weak or overloaded network, or lower the camera&apos;s bit rate.</source>
        <translation>네트워크가 약하거나 과부하인지 확인하거나, 카메라의 비트 전송률을 낮추십시오.</translation>
    </message>
    <message>
        <source>Leaves out what cannot be decoded, until the next keyframe.</source>
        <translation>다음 키프레임까지 디코딩할 수 없는 화면을 제외합니다.</translation>
    </message>
    <message>
        <source>Went on with the next keyframe.</source>
        <translation>다음 키프레임부터 이어 갔습니다.</translation>
    </message>
    <message>
        <source>The camera refused the user name or the password.</source>
        <translation>카메라가 사용자 이름 또는 비밀번호를 거부했습니다.</translation>
    </message>
    <message>
        <source>Correct them in the camera&apos;s entry of the configuration; until then it is asked once a minute at most.</source>
        <translation>카메라 설정에서 사용자 이름과 비밀번호를 고치십시오. 그때까지는 1분에 한 번만 시도합니다.</translation>
    </message>
    <message>
        <source>Tries once a minute, so that the camera does not lock the account, and at once when its entry is changed.</source>
        <translation>카메라가 계정을 잠그지 않도록 1분에 한 번만 시도하고, 설정이 바뀌면 즉시 시도합니다.</translation>
    </message>
    <message>
        <source>Connected with the right password, and recorded on.</source>
        <translation>올바른 비밀번호로 연결해 녹화를 이어 갔습니다.</translation>
    </message>
    <message>
        <source>The camera answers, but has no stream at this path.</source>
        <translation>카메라는 응답하지만 이 경로에 스트림이 없습니다.</translation>
    </message>
    <message>
        <source>Correct the path in the camera&apos;s URL.</source>
        <translation>카메라 URL의 경로를 고치십시오.</translation>
    </message>
    <message>
        <source>Tries again, waiting longer each time.</source>
        <translation>간격을 점점 늘려 가며 다시 시도합니다.</translation>
    </message>
    <message>
        <source>Tried until it worked, and recorded on.</source>
        <translation>될 때까지 다시 시도했고, 이후 녹화를 이어 갔습니다.</translation>
    </message>
    <message>
        <source>The camera offers no video that Evertape stores.</source>
        <translation>카메라가 Evertape에서 저장할 수 있는 영상을 제공하지 않습니다.</translation>
    </message>
    <message>
        <source>Set the camera to H.264 or H.265.</source>
        <translation>카메라를 H.264 또는 H.265로 설정하십시오.</translation>
    </message>
    <message>
        <source>The camera answers, but cannot deliver the stream now.</source>
        <translation>카메라가 응답하지만 지금은 스트림을 보내지 못합니다.</translation>
    </message>
    <message>
        <source>See whether too many clients are connected to it, and restart it if it happens again.</source>
        <translation>카메라에 연결된 프로그램이 너무 많은지 확인하고, 반복되면 카메라를 다시 시작하십시오.</translation>
    </message>
    <message>
        <source>Another camera of this installation is the same stream, under another name of its host.</source>
        <translation>이 설치의 다른 카메라가 호스트의 다른 이름으로 같은 스트림을 쓰고 있습니다.</translation>
    </message>
    <message>
        <source>Take one of the two out of the configuration; their footage would be the same.</source>
        <translation>둘 중 하나를 설정에서 빼십시오. 두 카메라의 영상은 같습니다.</translation>
    </message>
    <message>
        <source>No volume to record to was there for longer than memory could bridge.</source>
        <translation>메모리로 버틸 수 있는 시간보다 오래, 녹화할 볼륨이 없었습니다.</translation>
    </message>
    <message>
        <source>Connect the disk again, or add a spill volume.</source>
        <translation>디스크를 다시 연결하거나 예비 볼륨을 추가하십시오.</translation>
    </message>
    <message>
        <source>Keeps what memory can hold, drops the oldest of it, and records as soon as a volume takes footage.</source>
        <translation>메모리에 담을 수 있는 만큼 보관하고 가장 오래된 것부터 버리며, 볼륨에 쓸 수 있게 되는 즉시 녹화합니다.</translation>
    </message>
    <message>
        <source>Kept what memory could hold, dropped the oldest of it, and recorded on when a volume took footage again.</source>
        <translation>메모리에 담을 수 있는 만큼 보관했다가, 볼륨에 다시 쓸 수 있게 되자 기록했습니다.</translation>
    </message>
    <message>
        <source>Another disk is mounted where the volume should be; nothing was written to it.</source>
        <translation>볼륨 자리에 다른 디스크가 마운트되어 있습니다. 그 디스크에는 아무것도 쓰지 않았습니다.</translation>
    </message>
    <message>
        <source>Mount the right disk, or declare this one as a new volume.</source>
        <translation>올바른 디스크를 마운트하거나, 이 디스크를 새 볼륨으로 등록하십시오.</translation>
    </message>
    <message>
        <source>The volume was full and nothing on it might be deleted.</source>
        <translation>볼륨이 가득 찼고, 지워도 되는 것이 없었습니다.</translation>
    </message>
    <message>
        <source>Free some space, add a volume, or keep footage for a shorter time.</source>
        <translation>공간을 확보하거나, 볼륨을 추가하거나, 보존 기간을 줄이십시오.</translation>
    </message>
    <message>
        <source>The volume may not be written to by the user Evertape runs as.</source>
        <translation>Evertape를 실행하는 사용자에게 이 볼륨에 쓸 권한이 없습니다.</translation>
    </message>
    <message>
        <source>Give that user the right to write to the volume&apos;s folder.</source>
        <translation>그 사용자에게 볼륨 폴더의 쓰기 권한을 주십시오.</translation>
    </message>
    <message>
        <source>The volume is mounted read-only; often the kernel does that when it finds a disk damaged.</source>
        <translation>볼륨이 읽기 전용으로 마운트되어 있습니다. 커널이 디스크 손상을 발견하면 흔히 이렇게 됩니다.</translation>
    </message>
    <message>
        <source>Look at the kernel&apos;s log, check the file system, and mount it writable again.</source>
        <translation>커널 로그를 보고 파일 시스템을 검사한 뒤, 쓰기 가능하게 다시 마운트하십시오.</translation>
    </message>
    <message>
        <source>The disk reported errors.</source>
        <translation>디스크가 오류를 보고했습니다.</translation>
    </message>
    <message>
        <source>Look at the kernel&apos;s log and at the disk&apos;s health; it may be failing.</source>
        <translation>커널 로그와 디스크 상태를 확인하십시오. 디스크가 고장 나고 있을 수 있습니다.</translation>
    </message>
    <message>
        <source>The disk did not answer.</source>
        <translation>디스크가 응답하지 않았습니다.</translation>
    </message>
    <message>
        <source>Check its cable, its power and, on a network share, its server.</source>
        <translation>케이블과 전원을 확인하고, 네트워크 공유라면 서버를 확인하십시오.</translation>
    </message>
    <message>
        <source>The disk was slower than the cameras for longer than memory could bridge.</source>
        <translation>메모리로 버틸 수 있는 시간보다 오래, 디스크가 카메라보다 느렸습니다.</translation>
    </message>
    <message>
        <source>Use a faster disk, fewer cameras on it, or lower bit rates.</source>
        <translation>더 빠른 디스크를 쓰거나, 이 디스크의 카메라 수 또는 비트 전송률을 줄이십시오.</translation>
    </message>
    <message>
        <source>A process of Evertape ended unexpectedly and was replaced.</source>
        <translation>Evertape의 프로세스가 갑자기 종료되어 새로 띄웠습니다.</translation>
    </message>
    <message>
        <source>Please report it, with the log of that minute.</source>
        <translation>그 시각의 로그와 함께 알려 주십시오.</translation>
    </message>
    <message>
        <source>Replaces the process.</source>
        <translation>프로세스를 새로 띄웁니다.</translation>
    </message>
    <message>
        <source>Replaced the process, and finished its files.</source>
        <translation>프로세스를 새로 띄우고, 쓰던 파일을 마무리했습니다.</translation>
    </message>
    <message>
        <source>A process of Evertape ran out of memory and was replaced.</source>
        <translation>Evertape의 프로세스가 메모리를 다 써서 새로 띄웠습니다.</translation>
    </message>
    <message>
        <source>Lower the ring&apos;s budget or the number of cameras, or give the machine more memory.</source>
        <translation>링 버퍼의 메모리 한도나 카메라 수를 줄이거나, 장치의 메모리를 늘리십시오.</translation>
    </message>
    <message>
        <source>A process of Evertape stopped answering and was replaced.</source>
        <translation>Evertape의 프로세스가 응답을 멈춰 새로 띄웠습니다.</translation>
    </message>
    <message>
        <source>The machine was off or restarted without warning.</source>
        <translation>장치가 꺼져 있었거나 예고 없이 다시 시작되었습니다.</translation>
    </message>
    <message>
        <source>Look at its power supply and its system log.</source>
        <translation>전원 공급과 시스템 로그를 확인하십시오.</translation>
    </message>
    <message>
        <source>Nothing, until the machine is back.</source>
        <translation>장치가 다시 켜질 때까지 할 수 있는 것이 없습니다.</translation>
    </message>
    <message>
        <source>Started with the machine, and finished its files.</source>
        <translation>장치와 함께 시작해, 쓰던 파일을 마무리했습니다.</translation>
    </message>
    <message>
        <source>Evertape was not running.</source>
        <translation>Evertape가 실행되고 있지 않았습니다.</translation>
    </message>
    <message>
        <source>Start it, or have the system start it at boot.</source>
        <translation>Evertape를 시작하거나, 부팅할 때 자동으로 시작되게 하십시오.</translation>
    </message>
    <message>
        <source>Nothing, until it is started.</source>
        <translation>시작될 때까지 할 수 있는 것이 없습니다.</translation>
    </message>
    <message>
        <source>Finished every file before, and recorded on after.</source>
        <translation>중지 전에 모든 파일을 마무리했고, 시작한 뒤 녹화를 이어 갔습니다.</translation>
    </message>
    <message>
        <source>Evertape failed at something it should be able to do, or a part of it is not installed.</source>
        <translation>Evertape가 할 수 있어야 할 일을 하지 못했거나, 필요한 구성 요소가 설치되어 있지 않습니다.</translation>
    </message>
    <message>
        <source>Run evertape doctor, and report what it does not explain.</source>
        <translation>evertape doctor를 실행하고, 거기서 설명되지 않는 문제는 알려 주십시오.</translation>
    </message>
    <message>
        <source>Leaves out what it cannot write.</source>
        <translation>쓸 수 없는 것은 제외합니다.</translation>
    </message>
    <message>
        <source>Left out what it could not write, and went on.</source>
        <translation>쓸 수 없는 것은 제외하고 이어 갔습니다.</translation>
    </message>
    <message>
        <source>The wall clock was set; no footage is lost, but these times never passed, or passed twice.</source>
        <translation>시계가 변경되었습니다. 잃은 영상은 없지만, 이 시각은 존재하지 않았거나 두 번 지나갔습니다.</translation>
    </message>
    <message>
        <source>Have the machine&apos;s clock kept right over the network.</source>
        <translation>네트워크로 장치의 시계를 맞추게 하십시오.</translation>
    </message>
    <message>
        <source>Goes on by its own clock.</source>
        <translation>자체 시계로 이어 갑니다.</translation>
    </message>
    <message>
        <source>Went on by its own clock; no footage is lost.</source>
        <translation>자체 시계로 이어 갔습니다. 잃은 영상은 없습니다.</translation>
    </message>
    <message>
        <source>The camera was connected anew, because its settings changed or somebody asked for it.</source>
        <translation>설정이 바뀌었거나 누군가 요청해서 카메라에 새로 연결했습니다.</translation>
    </message>
    <message>
        <source>Nothing needs to be done.</source>
        <translation>하실 일은 없습니다.</translation>
    </message>
    <message>
        <source>Connects anew.</source>
        <translation>새로 연결합니다.</translation>
    </message>
    <message>
        <source>Connected anew.</source>
        <translation>새로 연결했습니다.</translation>
    </message>
    <message>
        <source>Somebody had stopped the recording.</source>
        <translation>누군가 녹화를 중지했습니다.</translation>
    </message>
    <message>
        <source>Start it when it is wanted again.</source>
        <translation>다시 필요할 때 시작하십시오.</translation>
    </message>
    <message>
        <source>Waits until somebody starts it.</source>
        <translation>누군가 다시 시작할 때까지 기다립니다.</translation>
    </message>
    <message>
        <source>Recorded on when somebody started it.</source>
        <translation>누군가 시작하자 녹화를 이어 갔습니다.</translation>
    </message>
    <message>
        <source>The schedule did not ask for recording.</source>
        <translation>예약에 따라 녹화하지 않는 시간이었습니다.</translation>
    </message>
    <message>
        <source>Waits for the schedule.</source>
        <translation>예약 시간을 기다립니다.</translation>
    </message>
    <message>
        <source>Recorded on when the schedule said so.</source>
        <translation>예약 시간이 되자 녹화를 이어 갔습니다.</translation>
    </message>
    <message>
        <source>The footage had reached its age or its space was needed, and it was deleted as the rules say.</source>
        <translation>보존 기간이 끝났거나 공간이 필요해, 규칙에 따라 삭제했습니다.</translation>
    </message>
    <message>
        <source>Keep footage longer, add space, or protect what must stay.</source>
        <translation>더 오래 보존하거나, 공간을 늘리거나, 남겨야 할 영상을 보호하십시오.</translation>
    </message>
    <message>
        <source>Deleted the footage.</source>
        <translation>영상을 삭제했습니다.</translation>
    </message>
    <message>
        <source>Somebody had deleted the footage, or removed the camera.</source>
        <translation>누군가 영상을 삭제했거나 카메라를 제거했습니다.</translation>
    </message>
    <message>
        <source>Nothing.</source>
        <translation>조치하지 않습니다.</translation>
    </message>
    <message>
        <source>Footage had been recorded, and its file is gone.</source>
        <translation>녹화했던 영상의 파일이 사라졌습니다.</translation>
    </message>
    <message>
        <source>Find out who or what else changes files on the volume, and check the disk.</source>
        <translation>볼륨의 파일을 바꾸는 사람이나 프로그램이 있는지 찾고, 디스크를 점검하십시오.</translation>
    </message>
    <message>
        <source>Looks again whenever its volume returns.</source>
        <translation>해당 볼륨이 돌아올 때마다 다시 찾습니다.</translation>
    </message>
    <message>
        <source>Found the footage again.</source>
        <translation>영상을 다시 찾았습니다.</translation>
    </message>
    <message>
        <source>Footage had been recorded, and its bytes on the disk are not those that were written.</source>
        <translation>녹화했던 영상의 디스크 내용이 기록한 것과 다릅니다.</translation>
    </message>
    <message>
        <source>Check the disk&apos;s health, and whether anything else changes its files; a copy of the file brings it back.</source>
        <translation>디스크 상태와, 파일을 바꾸는 다른 프로그램이 있는지 확인하십시오. 파일의 사본이 있으면 복구됩니다.</translation>
    </message>
    <message>
        <source>Leaves out what cannot be read; the rest plays.</source>
        <translation>읽을 수 없는 부분은 제외하고 나머지는 재생합니다.</translation>
    </message>
    <message>
        <source>There is no footage, and no record says why.</source>
        <translation>영상이 없으며, 그 이유에 대한 기록도 없습니다.</translation>
    </message>
    <message>
        <source>Run evertape audit, and report what it finds.</source>
        <translation>evertape audit을 실행하고 결과를 알려 주십시오.</translation>
    </message>
    <message>
        <source>Connected</source>
        <translation>연결됨</translation>
    </message>
    <message>
        <source>Connecting</source>
        <translation>연결 중</translation>
    </message>
    <message>
        <source>Connecting again</source>
        <translation>다시 연결 중</translation>
    </message>
    <message>
        <source>No pictures come</source>
        <translation>영상 멈춤</translation>
    </message>
    <message>
        <source>Cannot be reached</source>
        <translation>응답 없음</translation>
    </message>
    <message>
        <source>Disconnected</source>
        <translation>연결 끊김</translation>
    </message>
    <message>
        <source>Login refused</source>
        <translation>로그인 거부</translation>
    </message>
    <message>
        <source>Stopped</source>
        <translation>중지됨</translation>
    </message>
    <message>
        <source>The camera&apos;s stream cannot be used</source>
        <translation>카메라의 스트림을 쓸 수 없음</translation>
    </message>
    <message>
        <source>the camera does not answer</source>
        <translation>카메라가 응답하지 않습니다</translation>
    </message>
    <message>
        <source>the camera stopped sending</source>
        <translation>카메라에서 영상이 오지 않습니다</translation>
    </message>
    <message>
        <source>what it sends is damaged</source>
        <translation>도착한 영상이 손상되었습니다</translation>
    </message>
    <message>
        <source>user or password are wrong</source>
        <translation>사용자 이름 또는 비밀번호가 맞지 않습니다</translation>
    </message>
    <message>
        <source>it has no such stream</source>
        <translation>이 경로에 스트림이 없습니다</translation>
    </message>
    <message>
        <source>its codec cannot be stored</source>
        <translation>저장할 수 없는 코덱입니다</translation>
    </message>
    <message>
        <source>this stream is used twice</source>
        <translation>다른 카메라와 같은 스트림입니다</translation>
    </message>
    <message>
        <source>the camera reports an error</source>
        <translation>카메라에서 오류가 납니다</translation>
    </message>
    <message>
        <source>the recording disk is missing</source>
        <translation>녹화할 디스크가 없습니다</translation>
    </message>
    <message>
        <source>another disk is in its place</source>
        <translation>그 자리에 다른 디스크가 있습니다</translation>
    </message>
    <message>
        <source>the recording disk is full</source>
        <translation>녹화할 디스크가 가득 찼습니다</translation>
    </message>
    <message>
        <source>the recording disk cannot be written</source>
        <translation>녹화할 디스크에 쓸 수 없습니다</translation>
    </message>
    <message>
        <source>the recording disk has errors</source>
        <translation>녹화할 디스크에서 오류가 납니다</translation>
    </message>
    <message>
        <source>the recording disk does not answer</source>
        <translation>녹화할 디스크가 응답하지 않습니다</translation>
    </message>
    <message>
        <source>Recording</source>
        <translation>녹화 중</translation>
    </message>
    <message>
        <source>Not recording</source>
        <translation>녹화하지 않음</translation>
    </message>
    <message>
        <source>Recording waits</source>
        <translation>녹화 대기 중</translation>
    </message>
    <message>
        <source>This cannot be played</source>
        <translation>재생할 수 없습니다</translation>
    </message>
    <message>
        <source>Loading …</source>
        <translation>불러오는 중 …</translation>
    </message>
    <message>
        <source>Not recorded yet</source>
        <translation>아직 녹화되지 않음</translation>
    </message>
    <message>
        <source>Footage goes on at {0}: click to go there</source>
        <translation>{0}부터 영상이 이어집니다: 눌러서 이동</translation>
    </message>
    <message>
        <source>No footage</source>
        <translation>녹화된 영상 없음</translation>
    </message>
    <message>
        <source>It was not to be recorded.</source>
        <translation>녹화 대상이 아니었습니다.</translation>
    </message>
    <message>
        <source>Recorded to {0}</source>
        <translation>{0}에 녹화됨</translation>
    </message>
    <message>
        <source>{0} gaps in it</source>
        <translation>그 안에 공백 {0}건</translation>
    </message>
    <message>
        <source>{0} gaps together, this is the longest</source>
        <translation>공백 {0}건 중 가장 긴 것입니다</translation>
    </message>
    <message>
        <source>{0} pictures are lost.</source>
        <translation>{0}프레임을 잃었습니다.</translation>
    </message>
    <message>
        <source>Viewer: watches</source>
        <translation>보기 전용: 보기와 내보내기</translation>
    </message>
    <message>
        <source>Operator: also records, protects</source>
        <translation>운영자: 녹화와 보호까지</translation>
    </message>
    <message>
        <source>Administrator: everything</source>
        <translation>관리자: 모든 것</translation>
    </message>
</context>
</TS>
