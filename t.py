import subprocess,sys,os,signal,time
for kind in ("spawn","forkserver","loky","reusable"):
  for busy in (0,):
    p=subprocess.Popen([sys.executable,"o.py",kind],stdout=subprocess.PIPE,text=True)
    pids=[int(x) for x in p.stdout.readline().split()]
    p.kill(); p.wait()
    for wait in (1,5,20):
        time.sleep(wait)
        alive=[q for q in pids if os.path.exists(f"/proc/{q}") and open(f"/proc/{q}/stat").read().split()[2]!="Z"]
        print(kind,wait,len(pids),"alive",len(alive),flush=True)
        if not alive: break
    for q in alive: os.kill(q,9)
